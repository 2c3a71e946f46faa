import { Reader, Writer } from './cursor.js';

/** An identity that names an external key and its use; an imported pre-shared key has it (RFC 9258 §5.1). */
export interface ImportedIdentity {
  readonly externalIdentity: Uint8Array;
  readonly context: Uint8Array;
  readonly targetProtocol: number;
  /** One of {@link Kdf}, or an unknown one. */
  readonly targetKdf: number;
}

/** IANA's numbers of key derivation functions, by their hash (RFC 9258 §10). */
export const Kdf = { sha256: 1, sha384: 2 } as const;

export type KdfHash = keyof typeof Kdf;

export const KDF_HASHES = Object.keys(Kdf) as readonly KdfHash[];

/** `undefined` for bytes that are not such an identity; the fields are views. */
export function decodeImportedIdentity(bytes: Uint8Array): ImportedIdentity | undefined {
  const r = new Reader(bytes);
  const externalIdentity = r.vec16(1);
  const context = r.vec16();
  const [targetProtocol, targetKdf] = [r.u16(), r.u16()];
  return r.finished() ? { externalIdentity, context, targetProtocol, targetKdf } : undefined;
}

export function encodeImportedIdentity(identity: ImportedIdentity): Uint8Array {
  const { externalIdentity, context, targetProtocol, targetKdf } = identity;
  return new Writer().vec16(externalIdentity).vec16(context).u16(targetProtocol).u16(targetKdf).finish();
}
