import { readFileSync } from 'node:fs';

const FIXTURES = new URL('../../../test/support/fixtures/', import.meta.url);

/** A chain and its key in PEM, as the options `cert` and `key` take them. */
export interface TestIdentity {
  readonly cert: string;
  readonly key: string;
}

function pem(file: string): string {
  return readFileSync(new URL(file, FIXTURES), 'utf8');
}

function identity(name: string): TestIdentity {
  return { cert: pem(`${name}.pem`), key: pem(`${name}.key`) };
}

/** Issuer of everything but {@link UNTRUSTED}. */
export const CA = pem('ca.pem');
export const OTHER_CA = pem('other-ca.pem');

/** For the name `localhost`. */
export const SERVERS = {
  ed25519: identity('server-ed25519'),
  p256: identity('server-p256'),
  rsa: identity('server-rsa'),
} as const;

export const CLIENTS = {
  ed25519: identity('client-ed25519'),
  p256: identity('client-p256'),
} as const;

/** A client whose issuer is {@link OTHER_CA}. */
export const UNTRUSTED = identity('untrusted');

/** When certificates are judged in tests, ms since 1970: some day in 2030. */
export const JUDGEMENT_DAY = Date.UTC(2030, 5, 15);
