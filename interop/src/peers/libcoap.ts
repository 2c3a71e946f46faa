import type { Pki } from '../pki.js';
import { Child } from '../process.js';
import { capture } from '../text.js';
import type { Program, Psk } from './peer.js';

/** How both sides are authenticated: by a key, or by certificates on both sides. */
export type Credentials = 'PSK' | 'PKI';

/** `coap-client` and `coap-server` of libcoap with one of its two libraries for DTLS 1.2. */
export interface Libcoap extends Program {
  /** GETs a path of a server on 127.0.0.1, prints the answer and ends. */
  get(path: string, port: number, credentials: Credentials, pki: Pki): Child;
  /** The same with more options of the command. */
  ask(options: readonly string[], path: string, port: number, credentials: Credentials, pki: Pki): Child;
  /** Listens for DTLS on the port after `plainPort`, and serves `/time`. */
  serve(plainPort: number, credentials: Credentials, pki: Pki, options?: readonly string[]): Child;
}

/** libcoap takes the key as text. */
export const COAP_PSK: Psk & { readonly text: string } = {
  identity: 'sensor-1',
  text: 'sixteen bytes in',
  key: Buffer.from('sixteen bytes in').toString('hex'),
};

export function libcoap(library: 'openssl' | 'gnutls'): Libcoap {
  const client = `coap-client-${library}`;
  const server = `coap-server-${library}`;
  const ask: Libcoap['ask'] = (options, path, port, credentials, pki) =>
    new Child(client, [
      ...['-m', 'get', '-B', '10', ...options],
      ...(credentials === 'PSK'
        ? ['-u', COAP_PSK.identity, '-k', COAP_PSK.text]
        : files(pki.clients, pki.ca)),
      `coaps://127.0.0.1:${port}/${path}`,
    ]);
  return {
    name: `libcoap (${library})`,

    async probe() {
      const child = new Child(client, []);
      await child.ended;
      const version = capture(child.output, /^\S+ v(\S+) -- /m);
      return version === undefined ? { missing: `${client} is not installed` } : { version };
    },

    get: (path, port, credentials, pki) => ask([], path, port, credentials, pki),
    ask,

    serve: (plainPort, credentials, pki, options = []) =>
      new Child(server, [
        ...['-A', '127.0.0.1', '-p', String(plainPort), '-v', '7', ...options],
        ...(credentials === 'PSK' ? ['-k', COAP_PSK.text] : files(pki.servers, pki.ca)),
      ]),
  };
}
function files({ ECDSA }: Pki['servers'], ca: string): string[] {
  return ['-c', ECDSA.cert, '-j', ECDSA.key, '-C', ca];
}
