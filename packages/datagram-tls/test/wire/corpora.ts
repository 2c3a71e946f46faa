import { Reader } from '#lib/wire/cursor.js';
import { listVectors, needs, readVector } from '../support/vectors.js';

/** For a test's options: a plain clone has no corpora. */
export const needsCorpora = needs('corpora');

/** What one corpus input makes a peer send, as runs of bytes that hold records one after the other. */
export function* corpusStreams(): Generator<{ name: string; stream: Uint8Array }> {
  for (const folder of ['openssl/dtlsclient', 'openssl/dtlsserver'])
    for (const [name, bytes] of files(folder)) yield { name, stream: bytes };
  for (const folder of ['boringssl/dtls_client', 'boringssl/dtls_server'])
    for (const [name, bytes] of files(folder))
      for (const stream of boringDatagrams(bytes)) yield { name, stream };
}

/** The payloads of plaintext records of `contentType`, as far as the stream looks like records. */
export function recordPayloads(stream: Uint8Array, contentType: number): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const r = new Reader(stream);
  while (r.left > 0) {
    const type = r.u8();
    r.bytes(10);
    const payload = r.vec16();
    if (!r.failed && type === contentType) payloads.push(payload);
  }
  return payloads;
}

function* files(folder: string): Generator<[string, Uint8Array]> {
  for (const name of listVectors(`corpora/${folder}`).sort())
    yield [`${folder}/${name}`, readVector(`corpora/${folder}/${name}`)];
}

/** Tag 0 begins the datagrams; tags 1 and 3 carry a vector of settings, all others stand alone. */
function boringDatagrams(bytes: Uint8Array): Uint8Array[] {
  const r = new Reader(bytes);
  let tag = r.u16();
  for (; tag !== 0 && r.left > 0; tag = r.u16()) if (tag === 1 || tag === 3) r.vec24();
  const datagrams: Uint8Array[] = [];
  while (r.left > 0) datagrams.push(r.vec24());
  return datagrams;
}
