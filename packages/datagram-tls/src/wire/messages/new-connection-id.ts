import { Reader, readItems, Writer } from '../cursor.js';

/** When the receiver starts to use the new IDs (RFC 9147 §9). */
export const ConnectionIdUsage = { cid_immediate: 0, cid_spare: 1 } as const;

/** RFC 9147 §9. */
export interface NewConnectionId {
  /** An ID may be empty where an empty one was negotiated. */
  readonly cids: readonly Uint8Array[];
  /** As received: for anything but a {@link ConnectionIdUsage} the caller answers illegal_parameter. */
  readonly usage: number;
}

/** `undefined` when malformed: the caller answers decode_error. The IDs are views into `body`. */
export function decodeNewConnectionId(body: Uint8Array): NewConnectionId | undefined {
  const r = new Reader(body);
  const message = { cids: readItems(r, r.vec16(), (list) => list.vec8()), usage: r.u8() };
  return r.finished() ? message : undefined;
}

export function encodeNewConnectionId({ cids, usage }: NewConnectionId): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  for (const cid of cids) w.vec8(cid);
  return w.closeVec16(list).u8(usage).finish();
}
