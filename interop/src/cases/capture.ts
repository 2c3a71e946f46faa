import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encounter, Failure, type Plan } from '../exchange.js';
import { encodePcap } from '../net/pcap.js';
import type { Program } from '../peers/peer.js';
import type { Pki } from '../pki.js';
import { run, versionOf } from '../process.js';
import { messages, session } from '../scenes.js';
import { SUITES, type Suite } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';
import { BASE, whyNot } from './session.js';

const TIMEOUT_MS = 60_000;

const tshark: Program = {
  name: 'tshark',
  async probe() {
    const version = await versionOf('tshark', ['--version']);
    return version === undefined ? { missing: 'tshark is not installed' } : { version };
  },
};

/** tshark decrypts a session of each suite, with the key log of either side. */
export function captureCases(pair: Pair): Case[] {
  return SUITES.map((suite) => {
    const plan: Plan = {
      ...BASE,
      identity: suite.startsWith('TLS_ECDHE_RSA') ? 'RSA' : 'ECDSA',
      suite,
      observed: true,
    };
    return {
      name: `${pairName(pair)}, tshark decrypts, ${suite}`,
      kind: 'capture',
      ...pair,
      tools: [tshark],
      impossible: beyondTshark(suite) ?? whyNot(pair, plan),
      slow: false,
      timeout: TIMEOUT_MS,
      run: async (pki) => await decryptCase(pair, plan, stemIn(pki.folder, pair, suite), pki),
    };
  });
}

/** The same of a session of DTLS 1.2 with connection IDs in both directions. */
export function idCaptureCase(pair: Pair): Case {
  const plan: Plan = {
    ...BASE,
    version: 'DTLSv1.2',
    suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    cids: { client: 5, server: 8 },
    observed: true,
  };
  return {
    name: `${pairName(pair)}, tshark decrypts, with connection IDs`,
    kind: 'capture',
    ...pair,
    tools: [tshark],
    impossible: whyNot(pair, plan),
    slow: false,
    timeout: TIMEOUT_MS,
    run: async (pki) => await decryptCase(pair, plan, stemIn(pki.folder, pair, 'connection-ids'), pki),
  };
}

function stemIn(folder: string, { client, server }: Pair, what: string): string {
  return join(folder, `${client.name}-${server.name}-${what}`);
}

// Version 4.0 shows nothing for these suites, with any peers.
function beyondTshark(suite: Suite): string | undefined {
  return suite.includes('CHACHA20') ? 'tshark does not decrypt ChaCha20-Poly1305 in DTLS' : undefined;
}

async function decryptCase({ client, server }: Pair, plan: Plan, stem: string, pki: Pki): Promise<string> {
  const keylogs = { client: `${stem}.client.keys`, server: `${stem}.server.keys` };
  return await encounter(client, server, { ...plan, keylogs }, pki, async (both) => {
    await session(both, plan);
    const pcap = `${stem}.pcap`;
    writeFileSync(pcap, encodePcap(both.relay?.passages ?? [], both.server.port));
    for (const role of ['client', 'server'] as const) {
      const text = await decrypt(pcap, keylogs[role], both.server.port);
      const hidden = messages(plan).find((line) => text.split(line).length !== 3);
      if (hidden !== undefined) {
        throw new Failure(
          `with the ${role}'s key log, tshark does not show "${hidden.slice(0, 40)}" both ways`,
        );
      }
    }
    return `${messages(plan).length} messages in clear each way, by the key log of either side`;
  });
}

/** The application data that tshark reads, both ways, as text. */
async function decrypt(pcap: string, keylog: string, port: number): Promise<string> {
  const hex = await run('tshark', [
    ...['-r', pcap, '-o', `tls.keylog_file:${keylog}`, '-d', `udp.port==${port},dtls`],
    ...['-Y', 'data', '-T', 'fields', '-e', 'data.data'],
  ]);
  return hex
    .split('\n')
    .map((line) => Buffer.from(line, 'hex').toString())
    .join('');
}
