import { createCipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Seals records of one direction of one epoch under AES-128-GCM; a number may be used repeatedly. */
export interface Sealer {
  seal(type: number, content: Uint8Array, sequence: number): Buffer;
}

const TAG_LENGTH = 16;

/** DTLS 1.3 (RFC 9147 §4), from a traffic secret of SHA-256. */
export function sealer13(secret: Uint8Array, epoch: number): Sealer {
  const key = expandLabel(secret, 'key', 16);
  const iv = expandLabel(secret, 'iv', 12);
  const sn = createSecretKey(expandLabel(secret, 'sn', 16));
  return {
    seal(type, content, sequence) {
      const header = Buffer.alloc(5);
      header[0] = 0x2c | (epoch & 3);
      header.writeUInt16BE(sequence & 0xffff, 1);
      header.writeUInt16BE(content.length + 1 + TAG_LENGTH, 3);
      const nonce = Buffer.from(iv);
      const low = Buffer.alloc(8);
      low.writeUIntBE(sequence, 2, 6);
      for (let i = 0; i < 8; i++) nonce[4 + i] = iv.readUInt8(4 + i) ^ low.readUInt8(i);
      const body = gcm(key, nonce, header, Buffer.concat([content, Buffer.of(type)]));
      const mask = maskOf(sn, body);
      header[1] = header.readUInt8(1) ^ mask.readUInt8(0);
      header[2] = header.readUInt8(2) ^ mask.readUInt8(1);
      return Buffer.concat([header, body]);
    },
  };
}

/** The traffic secret after a KeyUpdate (RFC 8446 §7.2). */
export function nextSecret(secret: Uint8Array): Buffer {
  return expandLabel(secret, 'traffic upd', 32);
}

function maskOf(sn: KeyObject, body: Buffer): Buffer {
  const aes = createCipheriv('aes-128-ecb', sn, null).setAutoPadding(false);
  return aes.update(body.subarray(0, 16));
}

/** DTLS 1.2 (RFC 5288), the client's direction, from the master secret. */
export function sealer12(master: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array): Sealer {
  const block = prf(master, Buffer.concat([Buffer.from('key expansion'), serverRandom, clientRandom]), 40);
  const key = block.subarray(0, 16);
  const salt = block.subarray(32, 36);
  return {
    seal(type, content, sequence) {
      const number = Buffer.alloc(8);
      number.writeUInt16BE(1, 0);
      number.writeUIntBE(sequence, 2, 6);
      const aad = Buffer.concat([
        number,
        Buffer.of(type, 0xfe, 0xfd, content.length >> 8, content.length & 0xff),
      ]);
      const body = Buffer.concat([number, gcm(key, Buffer.concat([salt, number]), aad, content)]);
      const header = Buffer.concat([
        Buffer.of(type, 0xfe, 0xfd),
        number,
        Buffer.of(body.length >> 8, body.length & 0xff),
      ]);
      return Buffer.concat([header, body]);
    },
  };
}

function gcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, content: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** HKDF-Expand-Label without context, one block of SHA-256 at most (RFC 9147 §5.9). */
function expandLabel(secret: Uint8Array, label: string, length: number): Buffer {
  const full = Buffer.from(`dtls13${label}`);
  const info = Buffer.concat([Buffer.of(0, length, full.length), full, Buffer.of(0, 1)]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}

/** RFC 5246 §5, SHA-256. */
function prf(secret: Uint8Array, seed: Uint8Array, length: number): Buffer {
  const hmac = (data: Uint8Array) => createHmac('sha256', secret).update(data).digest();
  const blocks: Buffer[] = [];
  for (let a = hmac(seed); blocks.length * 32 < length; a = hmac(a))
    blocks.push(hmac(Buffer.concat([a, seed])));
  return Buffer.concat(blocks).subarray(0, length);
}
