import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface Pki {
  readonly directory: string;
  /** Files in PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The same key behind `passphrase`, whose file ends with a newline. */
  readonly encryptedKey: string;
  readonly passphrase: string;
  /** A certificate that the CA did not sign, and its key. */
  readonly otherCert: string;
  readonly otherKey: string;
  /** A CA that did not sign `cert`. */
  readonly otherCa: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const PASSPHRASE = 'correct horse';

/** A CA and a certificate that it signed for `example.test`, `localhost` and 127.0.0.1, in files that go with the test. */
export async function makePki(t: TestContext): Promise<Pki> {
  const directory = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const save = (name: string, content: string | Buffer): string => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };

  const [ca, other, leaf] = await Promise.all([newCa('CN=Test CA'), newCa('CN=Other CA'), newKeys()]);
  const key = await pem(leaf);
  return {
    directory,
    ca: save('ca.pem', ca.certificate),
    otherCa: save('other-ca.pem', other.certificate),
    cert: save('cert.pem', await issue(ca, leaf)),
    key: save('key.pem', key),
    encryptedKey: save('encrypted.pem', encrypt(key)),
    passphrase: save('passphrase', `${PASSPHRASE}\n`),
    otherCert: save('other-cert.pem', other.certificate),
    otherKey: save('other-key.pem', await pem(other.keys)),
  };
}

interface Ca {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly name: string;
  readonly certificate: string;
}

async function newCa(name: string): Promise<Ca> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { keys, name, certificate: certificate.toString('pem') };
}

async function issue(ca: Ca, leaf: webcrypto.CryptoKeyPair): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=example.test',
    issuer: ca.name,
    publicKey: leaf.publicKey,
    signingKey: ca.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'example.test' },
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  return certificate.toString('pem');
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
    PemConverter.PrivateKeyTag,
  );
}

function encrypt(key: string): string | Buffer {
  return createPrivateKey(key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  });
}
