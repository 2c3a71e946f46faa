/**
 * The floor of a handshake: `--kind none|full|mutual|resumed|PSK|ECDHE-PSK` of DTLS 1.2 without the protocol. Four
 * messages, each of which is answered, are one handshake: node:dgram receives and sends as many datagrams as a
 * handshake and its close, and node:crypto does the operations of the server's part once each with everything
 * prepared, or nothing for `none`. The rest of an implementation's cost is its own.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MESSAGES_PER_HANDSHAKE } from '../plan.js';
import { serveControl } from './control.js';

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'full' },
    key: { type: 'string', default: '' },
    cert: { type: 'string', default: '' },
  },
});
const { kind } = values;

const HASH = 'sha256';
/** A hello, a key exchange, and the like; bytes. */
const message = Buffer.alloc(100);
/** A padded key with a seed, and with a digest. */
const inner = Buffer.alloc(64 + 77);
const outer = Buffer.alloc(64 + 32);
/** The messages of a handshake that both sides hash, bytes, and how often a hash of them is needed. */
const transcript = Buffer.alloc(800);
const TRANSCRIPT_DIGESTS = 3;
/** HMACs of the cookie, made and checked; of the extended master secret; of the key block; of both Finished. */
const MACS = { cookie: 2, masterSecret: 4, keyBlock: 4, finished: 4 };
/** Records that are opened and sealed: Finished and close_notify of each side. */
const RECORDS = 2;

const signing = values.key === '' ? undefined : createPrivateKey(readFileSync(values.key));
const client = values.cert === '' ? undefined : createPublicKey(readFileSync(values.cert));
const clientSpki = client?.export({ format: 'jwk' });
const clientSignature = signing === undefined ? Buffer.alloc(0) : sign(HASH, message, signing);

const peer = generateShare().publicKey;

/** The operations of node:crypto in the server's part of one handshake. */
function handshake(): void {
  mac(MACS.cookie);
  hashTranscript();
  if (kind === 'resumed') openTicket();
  else agree();
  mac(MACS.keyBlock + MACS.finished);
  protectRecords();
}

/** The premaster secret, the server's proof and, if it is mutual, that of the client. */
function agree(): void {
  if (kind !== 'PSK') exchange();
  mac(MACS.masterSecret);
  if ((kind === 'full' || kind === 'mutual') && signing !== undefined) sign(HASH, message, signing);
  if (kind === 'mutual' && clientSpki !== undefined) {
    const key = createPublicKey({ key: clientSpki, format: 'jwk' });
    verify(HASH, message, key, clientSignature);
  }
}

function exchange(): void {
  diffieHellman({ privateKey: generateShare().privateKey, publicKey: importShare(peer) });
}

/** The public half along with the pair: exporting it afterwards can hang Node 20. */
function generateShare(): { readonly privateKey: KeyObject; readonly publicKey: JsonWebKey } {
  const generate = generateKeyPairSync as unknown as (
    type: 'x25519',
    options: { readonly publicKeyEncoding: { readonly format: 'jwk' } },
  ) => { readonly privateKey: KeyObject; readonly publicKey: JsonWebKey };
  return generate('x25519', { publicKeyEncoding: { format: 'jwk' } });
}

function importShare(share: JsonWebKey): KeyObject {
  return createPublicKey({ key: share, format: 'jwk' });
}

/** HMAC is two digests (RFC 2104 §2), which cost less than the platform's own HMAC. */
function mac(count: number): void {
  for (let i = 0; i < count; i++) {
    hash(HASH, inner, 'binary');
    hash(HASH, outer, 'binary');
  }
}

function hashTranscript(): void {
  for (let i = 0; i < TRANSCRIPT_DIGESTS; i++) hash(HASH, transcript, 'binary');
}

const nonce = Buffer.alloc(12);
const key = Buffer.alloc(16);
const sealed = seal(createSecretKey(key));

function protectRecords(): void {
  const reading = createSecretKey(key);
  const writing = createSecretKey(key);
  for (let i = 0; i < RECORDS; i++) {
    open(reading);
    seal(writing);
  }
}

function openTicket(): void {
  open(createSecretKey(key));
}

function seal(under: KeyObject): { readonly text: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv('aes-128-gcm', under, nonce);
  cipher.setAAD(nonce);
  const text = cipher.update(nonce);
  cipher.final();
  return { text, tag: cipher.getAuthTag() };
}

function open(under: KeyObject): void {
  const decipher = createDecipheriv('aes-128-gcm', under, nonce);
  decipher.setAAD(nonce);
  decipher.setAuthTag(sealed.tag);
  decipher.update(sealed.text);
  decipher.final();
}

let received = 0;
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
socket.on('message', (datagram, from) => {
  received++;
  if (kind !== 'none' && received % MESSAGES_PER_HANDSHAKE === 0) handshake();
  socket.send(datagram, from.port, from.address);
});
socket.bind(0, '127.0.0.1', () => serveControl(socket.address().port));
