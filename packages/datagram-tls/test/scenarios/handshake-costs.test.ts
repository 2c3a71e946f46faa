// The exact work of each side in each kind of handshake: docs/explanation/handshake-costs.md has the table.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { COUNTED, type Counts, countingProvider, noCounts } from '../support/counting-provider.js';
import { CLIENTS, SERVERS } from '../support/identities.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { returning, savedSession } from '../support/resumption.js';
import { type TestedVersion, VERSIONS } from '../support/settings.js';

const PAGE = new URL('../../../../../docs/explanation/handshake-costs.md', import.meta.url);

const psk: Record<Role, SecurityOptions> = {
  client: { psk: { identity: 'lamp', key: new Uint8Array(16).fill(1) } },
  server: { psk: { lamp: new Uint8Array(16).fill(1) }, ticketKeys: false },
};

/** The options of each kind of handshake. */
function kinds(version: TestedVersion): Readonly<Record<string, Partial<Record<Role, SecurityOptions>>>> {
  const [name, alone] =
    version === 'DTLSv1.2'
      ? (['ECDHE-ECDSA-AES128-GCM-SHA256', 'PSK-AES128-GCM-SHA256'] as const)
      : (['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'] as const);
  const server = { ...SERVERS.p256, groups: ['x25519', 'secp256r1'], ciphers: [name] };
  const client = { groups: ['x25519', 'secp256r1'], ciphers: [name] };
  const modes = version === 'DTLSv1.3' ? { pskModes: ['psk_ke' as const] } : {};
  return {
    full: { client, server: { ...server, ticketKeys: false } },
    'full, with a client certificate': {
      client: { ...client, ...CLIENTS.p256 },
      server: { ...server, requestCert: true, ticketKeys: false },
    },
    resumed: { client, server },
    'PSK alone': {
      client: { ...psk.client, ciphers: [alone], groups: 'x25519', ...modes },
      server: { ...psk.server, cert: undefined, key: undefined, ciphers: [alone], ...modes },
    },
    'PSK with ECDHE': {
      client: { ...psk.client, ciphers: [ecdhePsk(version)], groups: 'x25519' },
      server: { ...psk.server, cert: undefined, key: undefined, ciphers: [ecdhePsk(version)] },
    },
  };
}

function ecdhePsk(version: TestedVersion): string {
  return version === 'DTLSv1.2' ? 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256' : 'TLS_AES_128_GCM_SHA256';
}

interface Cost extends Counts {
  datagrams: number;
}

type Costs = Record<Role, Cost>;

/** The work of both sides, from the first ClientHello to a quiet path. */
function costsOf(version: TestedVersion, kind: string): Costs {
  const costs: Costs = { client: { datagrams: 0, ...noCounts() }, server: { datagrams: 0, ...noCounts() } };
  const provider = {
    client: countingProvider(nodeProvider, costs.client),
    server: countingProvider(nodeProvider, costs.server),
  };
  const options: PairOptions = {
    version,
    ...kinds(version)[kind],
    adjust: (made) => ({ ...made, provider: provider[made.role] }),
  };
  // The first handshake also computes constants, and imports the keys of trusted issuers.
  const first = new Pair(options).handshake();
  first.runFor(1000);
  Object.assign(costs.client, noCounts());
  Object.assign(costs.server, noCounts());
  const pair = kind === 'resumed' ? returning(savedSession(first), options) : new Pair(options);
  pair.onDelivery = ({ from }) => {
    costs[from].datagrams++;
  };
  pair.handshake();
  pair.runFor(1000);
  return costs;
}

const COLUMNS = ['datagrams', ...COUNTED] as const;

/** The lines of the table. */
function table(): string[] {
  const head = ['handshake', 'side', ...COLUMNS];
  const rows = VERSIONS.flatMap((version) =>
    Object.keys(kinds(version)).flatMap((kind) => {
      const costs = costsOf(version, kind);
      return (['client', 'server'] as const).map((role) =>
        line([`${version.slice(5)} ${kind}`, role, ...COLUMNS.map((column) => String(costs[role][column]))]),
      );
    }),
  );
  return [line(head), line(head.map(() => '---')).replaceAll(' ', ''), ...rows];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

suite('the work of a handshake', () => {
  test('is exactly what the page says, so that no operation is done twice unnoticed', () => {
    const written = readFileSync(PAGE, 'utf8')
      .split('\n')
      .filter((one) => one.startsWith('|'));
    const counted = table();
    assert.deepEqual(counted, written, `The table of ${PAGE.pathname} should be:\n${counted.join('\n')}`);
  });
});
