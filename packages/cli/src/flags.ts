import { type Command, Option } from 'commander';
import type { ConnectOptions, ListenOptions } from 'datagram-tls';
import { CERTIFICATE_FLAGS } from './flags/certificates.js';
import type { Flag, Role } from './flags/flag.js';
import { KEY_FLAGS } from './flags/keys.js';
import { NEGOTIATION_FLAGS } from './flags/negotiation.js';
import { RUNNING_FLAGS } from './flags/running.js';
import { rawKeyOptions } from './rpk.js';
import { UsageError } from './usage-error.js';

/** The headings of the help, and the flags below each. */
const GROUPS: readonly (readonly [heading: string, flags: readonly Flag[]])[] = [
  ['Certificates and trust:', CERTIFICATE_FLAGS],
  ['Pre-shared keys, saved sessions, server names:', KEY_FLAGS],
  ['Negotiation and sizes:', NEGOTIATION_FLAGS],
  ['Time, limits, diagnostics:', RUNNING_FLAGS],
];
const FLAGS: readonly Flag[] = GROUPS.flatMap(([, flags]) => flags);

/** Declares the options of `role` on its command. */
export function addFlags(command: Command, role: Role): Command {
  for (const [heading, flags] of GROUPS) {
    for (const flag of flags) {
      if (flag.roles.includes(role)) command.addOption(declare(flag).helpGroup(heading));
    }
  }
  return command;
}

/** The part of the parsed command line that goes to the library as it is. */
export function libraryOptions(
  role: Role,
  values: Record<string, unknown>,
): Partial<ListenOptions & ConnectOptions> {
  const options: Record<string, unknown> = {};
  for (const flag of FLAGS) {
    const value = values[declare(flag).attributeName()];
    if (value === undefined || !flag.roles.includes(role)) continue;
    if (flag.needs?.every((name) => values[name] === undefined) === true) {
      throw new UsageError(`${nameOf(flag)} needs ${flag.needs.map(dashed).join(' or ')}`);
    }
    if (flag.option === undefined) continue;
    options[flag.option] = flag.value ?? (flag.finish === undefined ? value : flag.finish(value, role));
  }
  return values['rpk'] === true ? { ...options, ...rawKeyOptions(role, options) } : options;
}

/** The flag that sets a library option, such as `--pin` for `pins`. */
export function flagOf(option: string): string | undefined {
  const flag = FLAGS.find((candidate) => candidate.option === option);
  return flag === undefined ? undefined : nameOf(flag);
}

function nameOf(flag: Flag): string | undefined {
  return flag.flags.split(' ')[0];
}

/** The flag with an attribute name: `--psk-file` for `pskFile`. */
function dashed(attribute: string): string {
  return `--${attribute.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function declare(flag: Flag): Option {
  const option = new Option(flag.flags, flag.help);
  if (flag.parse !== undefined) option.argParser(flag.parse);
  if (flag.env !== undefined) option.env(flag.env);
  if (flag.conflicts !== undefined) option.conflicts(flag.conflicts);
  if (flag.implies !== undefined) option.implies(flag.implies);
  if (flag.standard !== undefined) option.default(flag.standard);
  return option;
}
