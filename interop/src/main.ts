/**
 * Other implementations of DTLS against ours.
 *
 *   node interop/dist/main.js                    the whole matrix
 *   node interop/dist/main.js openssl x25519     the cases whose names contain all of these
 *   node interop/dist/main.js --baseline         foreign peers against each other, to find the faulty one when one refuses another
 *   node interop/dist/main.js --list             names only
 */
import { parseArgs } from 'node:util';
import { browserCases } from './cases/browsers.js';
import { type Case, programsOf } from './cases/case.js';
import { coapCases } from './cases/coap.js';
import { comebackCases } from './cases/comeback.js';
import { connectionIdBaseline, connectionIdCases } from './cases/connection-ids.js';
import { constrainedCases } from './cases/constrained.js';
import { earlyDataCases } from './cases/early-data.js';
import { earlyMoveCases } from './cases/early-moves.js';
import { extensionCases } from './cases/extensions.js';
import { handOverCases } from './cases/hand-over.js';
import { hastyCloseCases } from './cases/hasty-close.js';
import { keyTableCases } from './cases/key-table.js';
import { libraryCases } from './cases/libraries.js';
import { baseline, matrix } from './cases/matrix.js';
import { modernBaseline, modernMatrix } from './cases/modern.js';
import { nameCases } from './cases/names.js';
import { nodeCoapCases } from './cases/node-coap.js';
import { pathCases } from './cases/path.js';
import { pskCases } from './cases/psk.js';
import { pskDoubtCases } from './cases/psk-doubts.js';
import { rawKeyCases } from './cases/raw-keys.js';
import { recordLimitCases } from './cases/record-limits.js';
import { returnRoutabilityCases } from './cases/return-routability.js';
import { staplingCases } from './cases/stapling.js';
import { wholeHelloCases } from './cases/whole-hello.js';
import { Browser } from './peers/browser.js';
import type { Program } from './peers/peer.js';
import { createPki } from './pki.js';
import { networkAddress, runInNetwork } from './run/network.js';
import { resultLine, summary } from './run/report.js';
import { runCases } from './run/runner.js';

const { values: flags, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    baseline: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '12' },
    quick: { type: 'string', default: '4' },
    slow: { type: 'string', default: '16' },
  },
});

/** How long a run may take to close what its cases opened. */
const CLOSING_MS = 5000;

process.exitCode = await main();
// Open handles of a case must not keep the run from ending, and are reported.
setTimeout(() => {
  console.error(`still open after the last case: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit();
}, CLOSING_MS).unref();

async function main(): Promise<number> {
  const cases = selected();
  if (flags.list) {
    console.log(cases.map((one) => one.name).join('\n'));
    return 0;
  }
  if (cases.length === 0) {
    console.error(`no case is named ${filters.join(' ')}`);
    return 1;
  }
  if (networkAddress() === undefined && cases.some((one) => programsOf(one).some(isBrowser))) {
    const code = runInNetwork();
    if (code !== undefined) return code;
  }
  const results = await runCases(cases, {
    pki: await createPki(),
    missing: await probePrograms(cases),
    quick: Number(flags.quick),
    slow: Number(flags.slow),
    onResult: (result) => console.log(resultLine(result)),
  });
  console.log(`\n${summary(results)}`);
  return results.some((result) => result.status === 'failed') ? 1 : 0;
}

function isBrowser(program: Program): boolean {
  return program instanceof Browser;
}

function selected(): Case[] {
  const wanted = filters.map((filter) => filter.toLowerCase());
  const all = flags.baseline
    ? [...baseline(Number(flags.seeds)), ...modernBaseline(), ...connectionIdBaseline()]
    : [
        ...matrix(Number(flags.seeds)),
        ...comebackCases(),
        ...extensionCases(),
        ...nameCases(),
        ...modernMatrix(),
        ...pathCases(),
        ...wholeHelloCases(),
        ...recordLimitCases(),
        ...pskCases(),
        ...pskDoubtCases(),
        ...rawKeyCases(),
        ...staplingCases(),
        ...earlyDataCases(),
        ...connectionIdCases(),
        ...returnRoutabilityCases(),
        ...earlyMoveCases(),
        ...handOverCases(),
        ...hastyCloseCases(),
        ...constrainedCases(),
        ...coapCases(),
        ...nodeCoapCases(),
        ...libraryCases(),
        ...browserCases(),
        ...keyTableCases(),
      ];
  return all.filter((one) => wanted.every((filter) => one.name.toLowerCase().includes(filter)));
}

/** Prints the programs' versions and returns those that cannot run here. */
async function probePrograms(cases: readonly Case[]): Promise<Map<Program, string>> {
  const missing = new Map<Program, string>();
  for (const program of new Set(cases.flatMap(programsOf))) {
    const probe = await program.probe();
    if ('missing' in probe) missing.set(program, probe.missing);
    console.log(`${program.name}: ${'missing' in probe ? probe.missing : probe.version}`);
  }
  return missing;
}
