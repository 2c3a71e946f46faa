import { decoded } from '../base/errors.js';
import { ExtensionType } from '../wire/codes.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

/** RFC 9853 §3: only beside connection_id. */
export const returnRoutabilityRow: Extension = extension(
  ExtensionType.return_routability_check,
  ['CH', 'SH'],
  ({ connectionId, checksPaths }) =>
    connectionId !== undefined && checksPaths ? encodeReturnRoutability() : undefined,
);

/** Whether the peer's hello has it. It has no body. */
export function readReturnRoutability(extensions: Extensions): boolean {
  const body = extensions.get(ExtensionType.return_routability_check);
  return body !== undefined && decoded(decodeReturnRoutability(body), 'return_routability_check');
}

/** `undefined` when it has a body. */
export const decodeReturnRoutability: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeReturnRoutability: () => Uint8Array = encodeEmpty;
