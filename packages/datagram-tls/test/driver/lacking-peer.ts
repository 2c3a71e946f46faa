import './lacking-runtime.js';
import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CA, SERVERS } from '../support/identities.js';

/**
 * One side of a test, on a runtime that lacks things. `server`: an echo, which prints its port. `client PORT…`: connects to each port in
 * turn and prints how that ended. All with default options. `configure`: prints how options are refused that name what is not there.
 */
const { connect, createSecureContext, listen } = await import('#lib/index.js');

const [role, ...ports] = parseArgs({ allowPositionals: true }).positionals;
if (role === 'server') serve();
else if (role === 'configure') configure();
else for (const port of ports) console.log(await outcome(Number(port)));

function serve(): void {
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => void session.send(data);
    },
    { host: '127.0.0.1', port: 0, ...SERVERS.p256 },
  );
  console.log(endpoint.address?.port);
}

function configure(): void {
  const key = generateKeyPairSync('ed448').privateKey.export({ type: 'pkcs8', format: 'pem' });
  for (const options of [
    { sigalgs: 'ed25519:ed448' },
    { certificateTypes: ['RawPublicKey'] as const, key },
    { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
    { groups: 'P-521' },
  ]) {
    try {
      createSecureContext({ ...options, isServer: true });
      console.log('taken');
    } catch (error) {
      console.log((error as { code: string }).code);
    }
  }
}

async function outcome(port: number): Promise<string> {
  const session = connect('127.0.0.1', port, { ca: CA, servername: 'localhost' });
  session.onerror = () => undefined;
  try {
    await session.opened;
    const version = session.protocol;
    await session.close();
    return `open ${version}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
