import { Group, type GroupName, type Version } from '../wire/codes.js';
import { rulesOf } from '../wire/version.js';

interface GroupShape {
  /** Bytes of the share that a client sends. */
  readonly clientShare: number;
  readonly serverShare: number;
  /** A KEM beside a curve. */
  readonly hybrid: boolean;
}

/** ML-KEM-768 has a key of 1184 bytes and a ciphertext of 1088 (FIPS 203 §8); X25519's 32 follow it. */
const SHAPES: Readonly<Record<GroupName, GroupShape>> = {
  X25519MLKEM768: { clientShare: 1184 + 32, serverShare: 1088 + 32, hybrid: true },
  x25519: { clientShare: 32, serverShare: 32, hybrid: false },
  secp256r1: { clientShare: 65, serverShare: 65, hybrid: false },
  secp384r1: { clientShare: 97, serverShare: 97, hybrid: false },
  secp521r1: { clientShare: 133, serverShare: 133, hybrid: false },
};

/** The default groups, in order of preference, as far as the provider supports them. */
export const DEFAULT_GROUPS: readonly GroupName[] = ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1'];

const byCode = new Map<number, GroupName>(
  Object.entries(Group).map(([name, code]) => [code, name as GroupName]),
);

/** `undefined` for an unsupported group. */
export function groupByCode(code: number): GroupName | undefined {
  return byCode.get(code);
}

/** Bytes of the share that `sender` sends, so that a wrong length is refused before any arithmetic. */
export function shareLength(group: GroupName, sender: 'client' | 'server'): number {
  return sender === 'client' ? SHAPES[group].clientShare : SHAPES[group].serverShare;
}

/** Hybrid groups exist in DTLS 1.3 only (RFC 10024). */
export function groupFits(group: GroupName, version: Version): boolean {
  return !SHAPES[group].hybrid || rulesOf(version).hybridGroups;
}
