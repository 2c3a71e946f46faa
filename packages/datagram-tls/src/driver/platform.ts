import { X509Certificate } from 'node:crypto';
import type { Platform } from '../config/resolve.js';
import { nodeProvider } from '../crypto/node.js';
import { defaultTrust } from './trust.js';

/** The cryptography and the trusted certificates of the runtime we are on. */
export const platform: Platform = {
  provider: nodeProvider,
  defaultTrust,
  describeCertificate: (der) => new X509Certificate(der).toLegacyObject(),
};
