import { boringssl } from '../peers/boringssl.js';
import { cli } from '../peers/cli.js';
import { dimpl } from '../peers/dimpl.js';
import { mbedtls } from '../peers/mbedtls.js';
import { nss } from '../peers/nss.js';
import { ours } from '../peers/ours.js';
import { pion, pion3 } from '../peers/pion.js';
import { wolfssl } from '../peers/wolfssl.js';
import type { Version } from '../vocabulary.js';
import { bothWays, type Case, type Pair } from './case.js';
import { clearCases } from './clear.js';
import { downgradeCases } from './downgrade.js';
import { lossyVersionCases, versionCases } from './foreign.js';
import { resumptionCases } from './resumption.js';

/** Peers with DTLS 1.3. */
const MODERN = [nss, wolfssl, boringssl, dimpl, pion];
const SEEDS = 4;

/** Our library with each of these peers, in both roles; with our command, what a user would try. */
export function modernMatrix(): Case[] {
  const library = MODERN.flatMap((peer) => bothWays(peer, ours));
  const classic = [pion3, mbedtls].flatMap((peer) => bothWays(peer, ours));
  const command = [nss, boringssl].flatMap((peer) => bothWays(peer, cli));
  return [
    ...library.flatMap((pair) => [
      ...inVersion(pair, 'DTLSv1.2'),
      ...inVersion(pair, 'DTLSv1.3'),
      ...resumptionCases(pair, 'DTLSv1.2'),
      ...resumptionCases(pair, 'DTLSv1.3'),
      ...downgradeCases(pair),
    ]),
    ...classic.flatMap((pair) => inVersion(pair, 'DTLSv1.2')),
    ...bothWays(mbedtls, ours).flatMap((pair) => resumptionCases(pair, 'DTLSv1.2')),
    ...command.flatMap((pair) => clearCases(pair, 'essential', 'DTLSv1.3')),
  ];
}

/** These peers with each other in DTLS 1.3. A peer with itself proves nothing. */
export function modernBaseline(): Case[] {
  return MODERN.flatMap((client) => MODERN.map((server) => ({ client, server })))
    .filter(({ client, server }) => client !== server)
    .flatMap((pair) => [
      ...inVersion(pair, 'DTLSv1.3'),
      ...resumptionCases(pair, 'DTLSv1.3'),
      ...downgradeCases(pair),
    ]);
}

function inVersion(pair: Pair, version: Version): Case[] {
  return [...versionCases(pair, version), ...lossyVersionCases(pair, version, SEEDS)];
}
