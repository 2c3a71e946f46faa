/** A client and a server in one process without a socket: `core-only.ts` with Node's cryptography and a certificate of today. */
import { nodeProvider } from 'datagram-tls/core';
import { makeIdentity } from './certificate.js';
import { echo } from './core-only.js';

const { cert, key } = await makeIdentity('localhost');
const [version, message] = echo(nodeProvider, { ca: cert, cert, key }, 'hello without a socket');
console.log(`${version}: ${message}`);
