import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, type DTLSSession, listen, type Transport } from 'datagram-tls';
import { dtlsModule, type Socket } from 'datagram-tls/dgram';
import snmp from 'net-snmp';
import { Connection } from 'werift-ice';
import { freePort } from '../net/ports.js';
import { COAP_PSK } from '../peers/libcoap.js';
import type { Program } from '../peers/peer.js';
import type { Pki } from '../pki.js';
import type { Case } from './case.js';

const require = createRequire(import.meta.url);
const HOST = '127.0.0.1';
const TIMEOUT_MS = 30_000;
const KEY = Buffer.from(COAP_PSK.key, 'hex');
const SERVER = { psk: { [COAP_PSK.identity]: KEY } };
const CLIENT = { psk: { identity: COAP_PSK.identity, key: KEY } };

/** Libraries from npm, unchanged, on sockets of `datagram-tls/dgram`, or below a session as its transport. */
export function libraryCases(): Case[] {
  const ice = fromNpm('werift-ice');
  return [
    libraryCase(fromNpm('net-snmp'), 'get, getNext, set, trap and inform', snmpExchanges),
    libraryCase(fromNpm('syslog-client'), 'messages through a replaced createSocket', syslogMessages),
    libraryCase(ice, 'DTLS 1.3 over ICE, the controlling agent is client', (pki) => overIce(pki, true)),
    libraryCase(ice, 'DTLS 1.3 over ICE, the controlling agent is server', (pki) => overIce(pki, false)),
  ];
}

function libraryCase(library: Program, what: string, run: Case['run']): Case {
  const name = `${library.name}, ${what}`;
  return { name, kind: 'session', client: library, server: library, slow: false, timeout: TIMEOUT_MS, run };
}

function fromNpm(name: string): Program {
  return {
    name,
    probe: () => {
      const { version } = require(`${name}/package.json`) as { version: string };
      return Promise.resolve({ version });
    },
  };
}

const DESCRIPTION = '1.3.6.1.2.1.1.1';

interface VarBind {
  readonly oid: string;
  readonly value: unknown;
}

/** SNMP (RFC 3411 ff.): a manager, an agent, and a receiver of notifications. */
async function snmpExchanges(): Promise<string> {
  const servers = recording(dtlsModule({ server: SERVER }));
  const failures: unknown[] = [];
  const told: number[] = [];
  const onError = (error: unknown): void => {
    if (error !== null && error !== undefined) failures.push(error);
  };
  const common = { address: HOST, disableAuthorization: true, dgramModule: servers.module };
  // It takes 0 for the port of SNMP.
  const agent = snmp.createAgent({ ...common, port: await freePort() }, onError) as SnmpAgent;
  const onNotification = (error: unknown, heard?: { readonly pdu: { readonly type: number } }): void => {
    onError(error);
    if (heard !== undefined) told.push(heard.pdu.type);
  };
  const at = { ...common, port: await freePort() };
  const receiver = snmp.createReceiver(at, onNotification) as Pick<SnmpAgent, 'close'>;
  provideDescription(agent);
  const [forAgent, forReceiver] = servers.sockets as [Socket, Socket];
  const [port, trapPort] = [await boundPort(forAgent), await boundPort(forReceiver)];
  const session = snmp.createSession(HOST, 'public', {
    ...{ port, trapPort, version: snmp.Version2c },
    dgramModule: dtlsModule({ client: CLIENT }),
  });
  const call = async (name: string, ...args: unknown[]): Promise<readonly VarBind[]> =>
    await new Promise((resolve, reject) => {
      const done = (error: Error | null, varbinds?: readonly VarBind[]): void =>
        error === null ? resolve(varbinds ?? []) : reject(error);
      (session as unknown as Record<string, (...all: unknown[]) => void>)[name]?.(...args, done);
    });
  try {
    await call('set', [{ oid: `${DESCRIPTION}.0`, type: snmp.ObjectType.OctetString, value: 'a switch' }]);
    expect('get', textOf(await call('get', [`${DESCRIPTION}.0`])), 'a switch');
    expect('getNext', (await call('getNext', ['1.3.6.1.2.1.1']))[0]?.oid, `${DESCRIPTION}.0`);
    await call('inform', snmp.TrapType.LinkUp);
    await call('trap', snmp.TrapType.LinkDown);
    while (told.length < 2) await once(forReceiver, 'message');
    expect('notifications', told.join(), [snmp.PduType.InformRequest, snmp.PduType.TrapV2].join());
    expect('failures', failures.join(), '');
    return `${told.length} notifications`;
  } finally {
    session.close();
    agent.close();
    receiver.close();
  }
}

/** As far as it is used here; its types say nothing of it. */
interface SnmpAgent {
  registerProvider(provider: object): void;
  getMib(): { setScalarValue(name: string, value: string): void };
  close(): void;
}

function provideDescription(agent: SnmpAgent): void {
  agent.registerProvider({
    name: 'sysDescr',
    type: snmp.MibProviderType.Scalar,
    oid: DESCRIPTION,
    scalarType: snmp.ObjectType.OctetString,
    maxAccess: snmp.MaxAccess['read-write'],
  });
  agent.getMib().setScalarValue('sysDescr', 'a router');
}

function textOf(varbinds: readonly VarBind[]): string {
  return String(varbinds[0]?.value);
}

/** syslog-client makes its socket itself, and takes neither a socket nor a module. */
async function syslogMessages(): Promise<string> {
  const socket = dtlsModule({ server: SERVER }).createSocket('udp4');
  const heard: string[] = [];
  socket.on('message', (message) => void heard.push(message.toString()));
  socket.bind(0, HOST);
  await once(socket, 'listening');
  const original: unknown = Reflect.get(dgram, 'createSocket');
  const syslog = require('syslog-client') as SyslogClient;
  const client = syslog.createClient(HOST, { port: socket.address().port, rfc3164: false });
  try {
    Object.assign(dgram, { createSocket: dtlsModule({ client: CLIENT }).createSocket });
    for (const text of ['one', 'two'])
      await new Promise<void>((resolve, reject) => {
        client.log(text, {}, (error) => (error === undefined ? resolve() : reject(error)));
      });
    while (heard.length < 2) await once(socket, 'message');
    expect('messages', heard.map((line) => line.slice(-4)).join(''), 'one\ntwo\n');
    return heard[0]?.slice(0, 30) ?? '';
  } finally {
    Object.assign(dgram, { createSocket: original });
    client.close();
    await socket[Symbol.asyncDispose]();
  }
}

interface SyslogClient {
  createClient(
    host: string,
    options: object,
  ): { log(text: string, options: object, done: (error?: Error) => void): void; close(): void };
}

/** Two ICE agents on this host: their nominated pair carries DTLS. */
async function overIce({ servers, ca }: Pki, controllingIsClient: boolean): Promise<string> {
  const [controlling, controlled] = [new Connection(true, ICE), new Connection(false, ICE)];
  await Promise.all([controlling.gatherCandidates(), controlled.gatherCandidates()]);
  introduce(controlling, controlled);
  introduce(controlled, controlling);
  const [client, server] = controllingIsClient ? [controlling, controlled] : [controlled, controlling];
  const onsession = (session: DTLSSession): void => {
    session.onmessage = (data) => void session.send(data);
  };
  const endpoint = listen(onsession, {
    transport: transportOver(server),
    cert: readFileSync(servers.ECDSA.cert),
    key: readFileSync(servers.ECDSA.key),
  });
  const session = connect('localhost', 5000, { transport: transportOver(client), ca: readFileSync(ca) });
  try {
    const { protocol } = await session.opened;
    session.send('over ICE');
    for await (const message of session) {
      expect('the echo', Buffer.from(message).toString(), 'over ICE');
      break;
    }
    expect('the version', protocol, 'DTLSv1.3');
    return session.cipher?.standardName ?? '';
  } finally {
    session.destroy();
    endpoint.destroy();
    await Promise.all([controlling.close(), controlled.close()]);
  }
}

const ICE = { useIpv6: false, additionalHostAddresses: [HOST] };

function introduce(agent: Connection, other: Connection): void {
  agent.setRemoteParams({
    iceLite: false,
    usernameFragment: other.localUsername,
    password: other.localPassword,
  });
  agent.remoteCandidates = other.localCandidates;
}

/** As docs/how-to/transport.md shows it. */
function transportOver(agent: Connection): Transport {
  const transport: Transport = {
    opened: agent.connect(),
    send: async (data) => {
      await agent.send(Buffer.from(data));
    },
    close: async () => {
      await agent.close();
    },
  };
  agent.onData.subscribe((data) => transport.onmessage?.(data));
  agent.stateChanged.subscribe((state) => {
    if (state === 'failed' || state === 'disconnected') transport.onclose?.(new Error(`ICE ${state}`));
  });
  return transport;
}

/** A module that keeps the sockets that a library makes. */
function recording(module: ReturnType<typeof dtlsModule>) {
  const sockets: Socket[] = [];
  const createSocket: typeof module.createSocket = (...args) => {
    const socket = module.createSocket(...args);
    sockets.push(socket);
    return socket;
  };
  return { sockets, module: { ...module, createSocket } };
}

async function boundPort(socket: Socket): Promise<number> {
  if (socket.endpoint === undefined) await once(socket, 'listening');
  return socket.address().port;
}

function expect(what: string, got: string | undefined, wanted: string): void {
  if (got !== wanted) throw new Error(`${what}: ${got ?? 'nothing'} instead of ${wanted}`);
}
