import { invalidArgType, outOfRange } from '../base/errors.js';
import { checkInteger, checkString } from '../config/checks.js';

/** Bytes of one export; nobody needs more, and each costs a hash. */
const MAX_EXPORT = 65_536;

/** What `exportKeyingMaterial` takes; throws `ERR_INVALID_ARG_TYPE` and `ERR_OUT_OF_RANGE`. */
export function checkExport(length: unknown, label: unknown, context: unknown): void {
  checkInteger(length, 'length', 1, 0xffff_ffff);
  if (length > MAX_EXPORT) throw outOfRange('length', `<= ${MAX_EXPORT}`, length);
  checkString(label, 'label');
  if (context === undefined) return;
  if (!(context instanceof Uint8Array))
    throw invalidArgType('context', 'an instance of Buffer or Uint8Array', context);
  if (context.length > 0xffff) throw outOfRange('context.length', '<= 65535', context.length);
}
