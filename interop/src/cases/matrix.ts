import { cli } from '../peers/cli.js';
import { gnutls } from '../peers/gnutls.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import { captureCases } from './capture.js';
import { bothWays, type Case, type Pair } from './case.js';
import { clearCases } from './clear.js';
import { lossyCases } from './lossy.js';

const FOREIGN = [openssl, gnutls];

/** Every foreign peer with our library, in both roles, in full; with our command, what a user would try. */
export function matrix(seeds: number): Case[] {
  const library = FOREIGN.flatMap((peer) => bothWays(peer, ours));
  const command = FOREIGN.flatMap((peer) => bothWays(peer, cli));
  return [
    ...library.flatMap((pair) => [...clear(pair), ...lossyCases(pair, seeds, true)]),
    ...command.flatMap((pair) => clearCases(pair, 'essential')),
    ...clearCases({ client: cli, server: cli }, 'essential', 'DTLSv1.3'),
  ];
}

/** Foreign peers with each other: the reference when one of them refuses us. */
export function baseline(seeds: number): Case[] {
  const pairs = FOREIGN.flatMap((client) => FOREIGN.map((server) => ({ client, server })));
  return pairs.flatMap((pair) => [...clear(pair), ...lossyCases(pair, seeds, false)]);
}

function clear(pair: Pair): Case[] {
  return [...clearCases(pair, 'all'), ...captureCases(pair)];
}
