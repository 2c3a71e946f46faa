/** The hostile peers, all of them in one process. */

import { attacks } from '../attacks/all.js';
import type { Tally } from '../attacks/attack.js';
import type { Pki } from '../pki.js';
import type { Amounts } from '../plan.js';
import type { Target } from '../wire/hostile-client.js';
import { Relay } from '../wire/relay.js';
import { serve } from './program.js';

export interface AttackerSettings {
  readonly attack: string;
  readonly target: Target;
  /** Prefix of the attacker's addresses, to which a number is added. */
  readonly prefix: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly capacity: number;
  readonly pki: Pki;
}

let settings: AttackerSettings | undefined;
let relay: Relay | undefined;

serve({ prepare, run });

/** Returns the address of the server for honest clients. */
async function prepare(given: AttackerSettings): Promise<Target> {
  settings = given;
  if (found(given.attack).relayed !== true) return given.target;
  relay = await Relay.start(given.target, addressOf(given, 0));
  return relay.target;
}

async function run(amounts: Amounts): Promise<Tally> {
  if (settings === undefined) throw new Error('not prepared yet');
  const given = settings;
  const { attack, target, capacity, pki } = given;
  return await found(attack).run({
    target,
    capacity,
    pki,
    amounts,
    relay,
    address: (i) => addressOf(given, i),
  });
}

function found(name: string) {
  const attack = attacks.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`no attack is named ${name}`);
  return attack;
}

function addressOf({ prefix, family }: AttackerSettings, i: number): string {
  return family === 'IPv6' ? `${prefix}${(i + 1).toString(16)}` : `${prefix}${i >> 7}.${1 + (i & 127)}`;
}
