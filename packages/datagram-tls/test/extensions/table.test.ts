import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveSecurity } from '#lib/config/resolve.js';
import type { Carrier } from '#lib/extensions/extension.js';
import {
  checkAnswers,
  checkAnswers12,
  checkPlaces,
  EXTENSIONS,
  offeredExtensions,
} from '#lib/extensions/table.js';
import { ExtensionType } from '#lib/wire/codes.js';
import type { Extensions } from '#lib/wire/extension-block.js';
import { CLIENTS } from '../support/identities.js';
import { PLATFORM, security } from '../support/settings.js';
import { offering } from './offering.js';

type Name = keyof typeof ExtensionType;

/**
 * Where extensions may stand in DTLS 1.3: the table of RFC 8446 §4.2, and what the RFCs of later ones say. The last rows are of
 * DTLS 1.2 alone, which a ClientHello for both versions holds, too.
 */
const RFC: Readonly<Record<Name, string>> = {
  server_name: 'CH, EE',
  max_fragment_length: 'CH, EE',
  status_request: 'CH, CR, CT',
  supported_groups: 'CH, EE',
  signature_algorithms: 'CH, CR',
  use_srtp: 'CH, EE',
  alpn: 'CH, EE',
  client_certificate_type: 'CH, EE',
  server_certificate_type: 'CH, EE',
  key_share: 'CH, SH, HRR',
  pre_shared_key: 'CH, SH',
  psk_key_exchange_modes: 'CH',
  early_data: 'CH, EE, NST',
  cookie: 'CH, HRR',
  supported_versions: 'CH, SH, HRR',
  certificate_authorities: 'CH, CR',
  oid_filters: 'CR',
  signature_algorithms_cert: 'CH, CR',
  // RFC 8449 §4, RFC 8879 §3, RFC 9147 §9, RFC 9853 §3.
  record_size_limit: 'CH, EE',
  compress_certificate: 'CH, CR',
  connection_id: 'CH, SH',
  return_routability_check: 'CH, SH',
  // RFC 5077 §3.2, RFC 5746 §3.2, RFC 7366 §2, RFC 7627 §5.1, RFC 8422 §5.1.
  session_ticket: 'CH',
  renegotiation_info: 'CH',
  encrypt_then_mac: 'CH',
  extended_master_secret: 'CH',
  ec_point_formats: 'CH',
};

const CARRIERS: readonly Carrier[] = ['CH', 'SH', 'HRR', 'EE', 'CR', 'CT', 'NST'];

function only(type: number): Extensions {
  return new Map([[type, new Uint8Array(0)]]);
}

suite('the table of extensions', () => {
  test('has one row for each type that has a name here', () => {
    const types = EXTENSIONS.map(({ type }) => type);
    assert.equal(new Set(types).size, types.length);
    assert.deepEqual([...types].sort(ascending), Object.values(ExtensionType).sort(ascending));
  });

  for (const [name, places] of Object.entries(RFC) as [Name, string][]) {
    test(`lets ${name} stand in ${places} and refuses it elsewhere with illegal_parameter`, () => {
      const type = ExtensionType[name];
      for (const carrier of CARRIERS) {
        const check = () => checkPlaces(only(type), carrier);
        if (places.split(', ').includes(carrier)) check();
        else assert.throws(check, { alert: 'illegal_parameter' }, carrier);
      }
    });
  }

  test('passes over a type that it does not have, wherever it stands', () => {
    for (const carrier of CARRIERS) checkPlaces(only(0xabcd), carrier);
  });

  test('lets nothing answer what was not offered but the cookie of a HelloRetryRequest', () => {
    for (const type of [...Object.values(ExtensionType), 0xabcd]) {
      for (const carrier of CARRIERS) {
        const check = () => checkAnswers(only(type), carrier, new Map());
        if (type === ExtensionType.cookie && carrier === 'HRR') check();
        else assert.throws(check, { alert: 'unsupported_extension' }, `${type} in ${carrier}`);
      }
      assert.throws(() => checkAnswers12(only(type), new Map()), { alert: 'unsupported_extension' });
      checkAnswers12(only(type), only(type));
    }
  });
});

suite('the extensions of a first ClientHello', () => {
  const both = resolveSecurity(CLIENTS.p256, 'client', PLATFORM);

  test('are those of both versions in the order of the table, pre_shared_key last', () => {
    const types = [...offeredExtensions(offering(both, { hasPsks: true, hasEarlyData: true })).keys()];
    const order = EXTENSIONS.map(({ type }) => type).filter((type) => types.includes(type));
    assert.deepEqual(types, order);
    assert.equal(types.at(-1), ExtensionType.pre_shared_key);
    for (const name of ['key_share', 'early_data', 'session_ticket', 'renegotiation_info'] as const)
      assert.ok(types.includes(ExtensionType[name]), name);
  });

  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    test(`hold nothing of the other version, ${version}`, () => {
      const types = [...offeredExtensions(offering(security('client', version))).keys()];
      for (const { type, only: of } of EXTENSIONS)
        if (of !== undefined && of.name !== version) assert.ok(!types.includes(type), String(type));
    });
  }
});

function ascending(a: number, b: number): number {
  return a - b;
}
