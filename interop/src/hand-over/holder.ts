/**
 * A process that holds one session of the library until it is told to hand it over: `holder.js CONFIG`, a JSON text.
 *
 * Lines on standard input are sent, each as one message; `/export FILE` seals the session into a file and ends the
 * process; `/keep FILE` keeps checkpoints of it in the file, until the process is killed. A server answers each message with itself, and a client prints it. Facts go to standard error.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DTLSEndpoint, type DTLSSession, listen } from 'datagram-tls';
import type { Holding } from './holding.js';

const HOST = '127.0.0.1';
const SEAL = Buffer.alloc(32, 0x5a);
/** Small, so that the messages of a case need more than one checkpoint. */
const RESERVE = 16;

const config = JSON.parse(process.argv[2] ?? '{}') as Holding;
const connectionId = config.cid === 'none' ? false : config.cid;
const versions = { minVersion: config.version, maxVersion: config.version } as const;

let session: DTLSSession | undefined;
const endpoint = config.role === 'server' ? serve() : visit();
report('port', endpoint.address?.port ?? 0);

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line.startsWith('/export ')) handOver(line.slice('/export '.length));
  else if (line.startsWith('/keep ')) void keep(line.slice('/keep '.length));
  else session?.send(`${line}\n`);
});

function serve(): DTLSEndpoint {
  const { cert, key } = config;
  const service = listen(adopt, {
    ...{ host: HOST, port: config.bindPort, cert: readFileSync(cert), key: readFileSync(key) },
    ...{ connectionId, ...versions },
  });
  takeOver(service);
  return service;
}

function visit(): DTLSEndpoint {
  const place = new DTLSEndpoint({ bindHost: HOST, bindPort: config.bindPort });
  if (takeOver(place)) return place;
  const { ca, name } = config;
  adopt(
    place.connect(HOST, config.port, { ca: readFileSync(ca), servername: name, connectionId, ...versions }),
  );
  return place;
}

/** Whether there was a session to go on with. */
function takeOver(at: DTLSEndpoint): boolean {
  if (config.state === undefined) return false;
  adopt(at.import(readFileSync(config.state), { key: SEAL }));
  report('imported', 'yes');
  return true;
}

function adopt(adopted: DTLSSession): void {
  session = adopted;
  adopted.onmessage = (message) => {
    if (config.role === 'server') adopted.send(message);
    else process.stdout.write(message);
  };
  adopted.onerror = (error) => report('error', error.message);
  adopted.opened.then(
    () => report('established', 'yes'),
    () => undefined,
  );
  adopted.closed.catch(() => undefined);
}

function handOver(file: string): void {
  if (session === undefined) throw new Error('there is no session');
  writeFileSync(file, session.export({ key: SEAL }));
  report('exported', 'yes');
  process.exit();
}

async function keep(file: string): Promise<void> {
  if (session === undefined) throw new Error('there is no session');
  const store = (state: Uint8Array): void => {
    writeFileSync(`${file}.new`, state);
    renameSync(`${file}.new`, file);
  };
  await session.checkpoint({ key: SEAL, reserve: RESERVE, store });
  report('kept', 'yes');
}

function report(key: string, value: string | number): void {
  process.stderr.write(`${key}=${value}\n`);
}
