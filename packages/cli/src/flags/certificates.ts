import { readOptionFile } from '../files.js';
import { append, BOTH, CLIENT, type Flag, SERVER } from './flag.js';

/** A server trusts CAs only if it requests certificates. */
const ASK = { requestCert: true };

/** Our certificates and keys, and the peers that we trust. */
export const CERTIFICATE_FLAGS: readonly Flag[] = [
  {
    flags: '--cert <file>',
    help: 'certificate chain in PEM, leaf first',
    roles: BOTH,
    option: 'cert',
    parse: (file) => readOptionFile('--cert', file),
  },
  {
    flags: '--key <file>',
    help: 'private key, in PEM: of the certificate, or with --rpk alone',
    roles: BOTH,
    option: 'key',
    parse: (file) => readOptionFile('--key', file),
  },
  {
    flags: '--pfx <file>',
    help: 'private key and certificate chain in one file of PKCS#12',
    roles: BOTH,
    option: 'pfx',
    parse: (file) => readOptionFile('--pfx', file),
    conflicts: ['cert', 'key'],
  },
  {
    flags: '--passphrase-file <file>',
    help: 'file whose first line is the passphrase of the private key or of the PKCS#12 file',
    roles: BOTH,
    option: 'passphrase',
    parse: (file) => firstLine(readOptionFile('--passphrase-file', file)),
    needs: ['key', 'pfx'],
  },
  {
    flags: '--rpk',
    help: 'raw public keys (RFC 7250): show the public key instead of a certificate, and take those with a --pin spki-sha256:…',
    roles: BOTH,
  },
  {
    flags: '--request-cert',
    help: 'ask clients for a certificate and refuse those without a valid one',
    roles: SERVER,
    option: 'requestCert',
  },
  {
    flags: '--require-client-cert',
    help: 'the same as --request-cert',
    roles: SERVER,
    option: 'requestCert',
  },
  {
    flags: '--pin <fingerprint>',
    help: 'accept the peer with this fingerprint, sha256:… or spki-sha256:…, whatever CA signed it (repeatable)',
    roles: BOTH,
    option: 'pins',
    parse: append,
    implies: ASK,
  },
  {
    flags: '--ca <file>',
    help: 'CA certificates in PEM to trust instead of the default ones (repeatable)',
    roles: BOTH,
    option: 'ca',
    parse: (file, previous) => append(readOptionFile('--ca', file), previous),
    implies: ASK,
  },
  {
    flags: '--client-ca <file>',
    help: 'ask clients for a certificate of one of these CAs, in PEM (repeatable)',
    roles: SERVER,
    option: 'ca',
    parse: (file, previous) => append(readOptionFile('--client-ca', file), previous),
    implies: ASK,
    conflicts: ['ca'],
  },
  {
    flags: '--crl <file>',
    help: "revocation lists in PEM: every certificate of the peer's path needs a current one (repeatable)",
    roles: BOTH,
    option: 'crl',
    parse: (file, previous) => append(readOptionFile('--crl', file), previous),
    implies: ASK,
    conflicts: ['pin'],
  },
  {
    flags: '--insecure',
    help: 'accept any certificate: an attacker can then act as the server',
    roles: CLIENT,
    option: 'rejectUnauthorized',
    value: false,
    conflicts: ['pin', 'ca'],
  },
  {
    flags: '--ocsp <file>',
    help: 'OCSP response about the certificate, in DER, for clients that ask',
    roles: SERVER,
    option: 'ocspResponse',
    parse: (file) => readOptionFile('--ocsp', file),
    needs: ['cert', 'pfx'],
  },
  {
    flags: '--ocsp',
    help: "ask for an OCSP response about the server's certificate, and refuse a server whose response is not good",
    roles: CLIENT,
    option: 'requestOCSP',
  },
  {
    flags: '--require-ocsp',
    help: 'the same, and refuse a server that sends none',
    roles: CLIENT,
    option: 'requireOCSP',
  },
];

function firstLine(bytes: Buffer): string {
  return bytes.toString('utf8').split(/\r?\n/, 1).join('');
}
