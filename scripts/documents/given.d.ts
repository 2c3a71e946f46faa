/** Names that the blocks of the documents use without declaring them; fragment.mjs gives them their values. */
import type { DTLSEndpoint, DTLSSession } from 'datagram-tls';

declare global {
  const cert: string, key: string, ca: string, secret: Buffer, saved: Uint8Array, stateKey: Buffer;
  const session: DTLSSession, endpoint: DTLSEndpoint;
  const certA: string, keyA: string, clientsOfA: string, certB: string, keyB: string, clientsOfB: string;
  function onsession(session: DTLSSession): void;
  function findKey(identity: string): Promise<Uint8Array | undefined>;
  function isKnown(certificate: Uint8Array): Promise<boolean>;
  function isIdempotent(data: Uint8Array): boolean;
  function answerTo(data: Uint8Array): string;
  const hsm: { sign(scheme: string, data: Uint8Array): Promise<Uint8Array> };
}
