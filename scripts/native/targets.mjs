/** The platforms that have a binary of packages/native, and which of them this machine is. */
import { readFileSync } from 'node:fs';

const { platform, arch } = process;

export const targets = JSON.parse(
  readFileSync(new URL('../../packages/native/targets.json', import.meta.url), 'utf8'),
);

/** The one whose binary this process loads; `undefined`: there is none. */
export const hostTarget = targets.find(
  ({ os, cpu, libc }) => os === platform && cpu === arch && libc === libcOfHost(),
);

/** Only the report of a process with glibc has its version. */
function libcOfHost() {
  if (platform !== 'linux') return undefined;
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
