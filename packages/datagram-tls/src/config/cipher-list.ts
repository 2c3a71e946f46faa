import type { Capabilities } from '../crypto/provider.js';
import { type CipherSuite, lackOf, SUITES, suiteByName } from '../crypto/suites.js';
import type { NameList } from './kinds.js';

/** Whether a word of OpenSSL's cipher lists is about a suite. */
type Word = (suite: CipherSuite) => boolean;

const isAead: Word = ({ aead }) => aead !== undefined;
const hasAead =
  (part: string): Word =>
  ({ aead }) =>
    aead?.includes(part) === true;
const exchanges =
  (...names: readonly CipherSuite['keyExchange'][]): Word =>
  ({ keyExchange }) =>
    names.includes(keyExchange);
const ofVersion =
  (name: CipherSuite['version']): Word =>
  (suite) =>
    suite.version === name && isAead(suite);

const CERTIFIED = exchanges('ecdhe_ecdsa', 'ecdhe_rsa');

/**
 * The words that mean something here. CBC is in none: it has to be named. Words about key exchange and authentication are
 * about suites of DTLS 1.2, as those of DTLS 1.3 have neither.
 */
const WORDS: Readonly<Record<string, Word>> = {
  ALL: isAead,
  HIGH: (suite) => isAead(suite) && suite.tagLength === 16,
  ECDHE: CERTIFIED,
  EECDH: CERTIFIED,
  kECDHE: CERTIFIED,
  kEECDH: CERTIFIED,
  ECDSA: exchanges('ecdhe_ecdsa'),
  aECDSA: exchanges('ecdhe_ecdsa'),
  aRSA: exchanges('ecdhe_rsa'),
  PSK: (suite) => isAead(suite) && exchanges('psk', 'ecdhe_psk')(suite),
  aPSK: (suite) => isAead(suite) && exchanges('psk', 'ecdhe_psk')(suite),
  kPSK: (suite) => isAead(suite) && exchanges('psk')(suite),
  kECDHEPSK: (suite) => isAead(suite) && exchanges('ecdhe_psk')(suite),
  AES: hasAead('aes-'),
  AES128: hasAead('aes-128'),
  AES256: hasAead('aes-256'),
  AESGCM: hasAead('gcm'),
  AESCCM: hasAead('ccm'),
  AESCCM8: hasAead('ccm-8'),
  CHACHA20: hasAead('chacha20'),
  FIPS: hasAead('aes-'),
  'TLSv1.2': ofVersion('DTLSv1.2'),
  'TLSv1.3': ofVersion('DTLSv1.3'),
};

/** Words of OpenSSL for what is not implemented here: they are about no suite, as in an OpenSSL without it. */
const NOTHING = new Set(
  `3DES aDH ADH aDSS AECDH aGOST aNULL ARIA ARIA128 ARIA256 ARIAGCM aSRP CAMELLIA CAMELLIA128 CAMELLIA256 CBC
  COMPLEMENTOFALL COMPLEMENTOFDEFAULT DES DH DHE DSS ECDH EDH eNULL EXP EXPORT GOST94 IDEA kDH kDHE kDHEPSK kECDH kEDH kGOST
  kRSA kRSAPSK kSRP LOW MD5 MEDIUM NULL RC2 RC4 RSA SEED SHA SHA1 SHA256 SHA384 SRP SSLv3 TLSv1 TLSv1.0`.split(
    /\s+/,
  ),
);

/** What a suite is worth, bits; the tag of CCM_8 can be guessed. */
function strengthOf({ keyLength, tagLength }: CipherSuite): number {
  return Math.min(keyLength, tagLength === 8 ? 8 : keyLength) * 8;
}

/** Bits of OpenSSL's security levels. */
const LEVELS = [0, 80, 112, 128, 192, 256];

/** Names of words, for "did you mean". */
export const CIPHER_WORDS: readonly string[] = ['DEFAULT', ...Object.keys(WORDS)];

interface Failures {
  unknown(part: string): Error;
  lacking(name: string, lack: string): Error;
}

/**
 * Reads a list in the language of OpenSSL (`openssl-ciphers(1)`): names of suites, words, `+` between words that must all be
 * true, and before an item `!` (never), `-` (remove) or `+` (move to the end); `@STRENGTH`, `@SECLEVEL=0` to `5`. What the
 * platform lacks is left out of words, and refused by name.
 */
export function readCipherList(
  list: NameList,
  defaults: readonly CipherSuite[],
  capabilities: Capabilities,
  failures: Failures,
): readonly CipherSuite[] {
  const items = (typeof list === 'string' ? list.split(/[:;, ]+/) : list).flatMap(splitCommands);
  const matches = (text: string): readonly CipherSuite[] => matchItem(text, defaults, capabilities, failures);
  const banned = new Set<CipherSuite>();
  let chosen: readonly CipherSuite[] = [];
  for (const item of items) {
    if (item.startsWith('@')) {
      chosen = runCommand(item, chosen, banned, failures);
      continue;
    }
    const sign = /^[!+-]/.exec(item)?.[0];
    const found = matches(sign === undefined ? item : item.slice(1));
    const others = chosen.filter((suite) => !found.includes(suite));
    if (sign === '!') for (const suite of found) banned.add(suite);
    if (sign === '+') chosen = [...others, ...chosen.filter((suite) => found.includes(suite))];
    else if (sign === undefined) chosen = [...chosen, ...found.filter((suite) => !chosen.includes(suite))];
    else chosen = others;
  }
  return chosen.filter((suite) => !banned.has(suite));
}

/** A command may follow an item without a colon: `PSK-AES128-CCM8@SECLEVEL=0`. */
function splitCommands(item: string): string[] {
  return item
    .split(/(?=@)/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** The level holds for the whole list, also for what follows. */
function runCommand(
  command: string,
  chosen: readonly CipherSuite[],
  banned: Set<CipherSuite>,
  failures: Failures,
): readonly CipherSuite[] {
  if (command === '@STRENGTH') return [...chosen].sort((a, b) => strengthOf(b) - strengthOf(a));
  const level = LEVELS[Number(/^@SECLEVEL=([0-5])$/.exec(command)?.[1])];
  if (level === undefined) throw failures.unknown(command);
  for (const suite of SUITES) if (strengthOf(suite) < level) banned.add(suite);
  return chosen;
}

function matchItem(
  item: string,
  defaults: readonly CipherSuite[],
  capabilities: Capabilities,
  failures: Failures,
): readonly CipherSuite[] {
  const named = suiteByName(item);
  if (named !== undefined) {
    const lack = lackOf(named, capabilities);
    if (lack !== undefined) throw failures.lacking(item, lack);
    return [named];
  }
  const usable = SUITES.filter((suite) => lackOf(suite, capabilities) === undefined);
  return item
    .split('+')
    .map((word) => matchWord(word, defaults, usable, failures))
    .reduce((all, part) => all.filter((suite) => part.includes(suite)));
}

function matchWord(
  word: string,
  defaults: readonly CipherSuite[],
  usable: readonly CipherSuite[],
  failures: Failures,
): readonly CipherSuite[] {
  if (word === 'DEFAULT') return defaults;
  if (NOTHING.has(word)) return [];
  const named = suiteByName(word);
  if (named !== undefined) return [named];
  const test = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (test === undefined) throw failures.unknown(word);
  return usable.filter(test);
}
