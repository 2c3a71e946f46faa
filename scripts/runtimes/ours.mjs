/** The other side of an echo: the packed library, in this process. */
import { createInterface } from 'node:readline';
import { CERTIFIED, CLIENT_PSK, revive, SERVER_PSK, TRUST } from './identities.mjs';

const AGAIN_MS = 500;
const LATE_MS = 30_000;

/** Both versions, with a certificate and with a pre-shared key. */
export const MEETINGS = ['DTLSv1.2', 'DTLSv1.3'].flatMap((version) =>
  ['certificate', 'psk'].map((by) => ({
    what: `${version} by ${by}`,
    version,
    by,
    options: { minVersion: version, maxVersion: version },
  })),
);

export function identity(role, by) {
  const certificate = role === 'client' ? TRUST : CERTIFIED;
  const psk = role === 'client' ? CLIENT_PSK : SERVER_PSK;
  return revive(by === 'psk' ? psk : certificate);
}

export function serve(library, options) {
  const onsession = (session) => {
    session.onmessage = (data) => session.send(data);
    session.onerror = () => undefined;
  };
  return library.listen(onsession, { host: '127.0.0.1', port: 0, ...options });
}

export async function echoed(library, port, options) {
  const session = library.connect('127.0.0.1', port, {
    servername: 'localhost',
    handshakeTimeout: 60_000,
    ...options,
  });
  try {
    await session.opened;
    const text = await messageOver(session, 'hello');
    const { protocol } = session;
    await session.close();
    return { text, protocol };
  } catch (error) {
    return { code: error.code, alert: error.alert };
  }
}

/** The echo; a datagram that a busy machine loses is sent again. */
export async function messageOver(session, text) {
  return await new Promise((resolve, reject) => {
    const again = setInterval(() => session.send(text), AGAIN_MS);
    const late = setTimeout(() => reject(new Error('no answer')), LATE_MS);
    session.onmessage = (data) => {
      clearInterval(again);
      clearTimeout(late);
      resolve(new TextDecoder().decode(data));
    };
    session.send(text);
  });
}

export async function output(child) {
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return text;
}

/** The objects that a peer prints, one a line. */
export async function results(child) {
  return (await output(child))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export async function firstLine({ stdout }) {
  const lines = createInterface(stdout);
  for await (const line of lines) return line;
  throw new Error('the peer said nothing');
}
