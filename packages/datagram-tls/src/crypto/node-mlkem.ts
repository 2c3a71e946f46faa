import type { MlKem768 } from './kem.js';
import { nativeMlKem768 } from './node-mlkem-native.js';
import { nobleMlKem768 } from './node-mlkem-noble.js';

let chosen: MlKem768 | undefined;

/** The platform's own where it has one (Node 24.7 with OpenSSL 3.5), which takes a tenth of the time. It is looked for once. */
export function mlKem768(): MlKem768 {
  chosen ??= nativeMlKem768() ?? nobleMlKem768;
  return chosen;
}
