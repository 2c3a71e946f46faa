import { InvalidArgumentError } from 'commander';
import type { LoadBalancedOptions } from 'datagram-tls/load-balancing';
import { readKeyFile } from './key-file.js';
import { UsageError } from './usage-error.js';

/** Of QUIC-LB, in bytes. */
const KEY_LENGTH = 16;
const MIN_NONCE = 4;
const MAX_CID = 20;
/** The nonce where `--cid` has no length. */
const NONCE = 6;

/** 1 to 15 bytes. */
export function parseServerId(text: string): Buffer {
  if (/^(?:[0-9a-f]{2}){1,15}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new InvalidArgumentError('2 to 30 hexadecimal digits are expected, such as 0007.');
}

export function parseConfigId(text: string): number {
  if (/^[0-6]$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A number from 0 to 6 is expected.');
}

/** What `--cid-server-id` and the flags beside it say of connection IDs; `undefined` without it. */
export function readServerId({
  cid,
  cidServerId,
  cidKey,
  cidConfig,
}: Record<string, unknown>): LoadBalancedOptions | undefined {
  if (!(cidServerId instanceof Uint8Array)) return undefined;
  const others = 1 + cidServerId.length;
  const length = typeof cid === 'number' ? cid : Math.min(others + NONCE, MAX_CID);
  if (length < others + MIN_NONCE || length > MAX_CID)
    throw new UsageError(
      `--cid must be ${others + MIN_NONCE} to ${MAX_CID} with a server ID of ${cidServerId.length} bytes`,
    );
  return {
    serverId: cidServerId,
    nonceLength: length - others,
    ...(typeof cidKey === 'string' ? { key: readKeyFile('--cid-key', cidKey, KEY_LENGTH) } : {}),
    ...(typeof cidConfig === 'number' ? { configId: cidConfig } : {}),
  };
}
