import type { SigningKey } from '../config/config.js';
import type { SchemeName } from '../wire/codes.js';
import type { Certificate } from '../x509/certificate.js';

/** Work that the handshake does not do in a step: it may be slow, or the application's to decide. */
export type Job =
  | {
      readonly kind: 'sign';
      readonly scheme: SchemeName;
      readonly key: SigningKey;
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'verify-peer';
      /** Leaf first, as the peer sent them. */
      readonly chain: readonly Certificate[];
      readonly purpose: 'serverAuth' | 'clientAuth';
      /** Host name or IP address that the leaf must hold. */
      readonly name: string | undefined;
    };

/** A verdict's `code` is OpenSSL's short name, such as `CERT_HAS_EXPIRED`; `cause`: what the application said. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly cause?: Error };

export type JobAnswer =
  | { readonly kind: 'sign'; readonly signature: Uint8Array }
  | { readonly kind: 'verify-peer'; readonly verdict: Verdict }
  /** It could not be done: a function of the application failed, or the platform's cryptography. */
  | { readonly kind: 'failed'; readonly error: unknown };
