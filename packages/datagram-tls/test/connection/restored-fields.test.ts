// Every field of an association is the same after it was restored, but those that
// state-fields.ts lists with the reason.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex, utf8 } from '#lib/base/bytes.js';
import { connectionAround, machineOf } from '#lib/connection/connection.js';
import { KeptHandshake } from '#lib/connection/kept-handshake.js';
import { Machine } from '#lib/connection/machine.js';
import { type Timer, Timers } from '#lib/connection/timers.js';
import type { Generation } from '#lib/handshake/version.js';
import { Epochs } from '#lib/record/epochs.js';
import { Survival } from '../scenarios/simulation/survival.js';
import { fieldsOf } from '../support/inside.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { behaviour, security, type TestedVersion, VERSIONS } from '../support/settings.js';
import type { Side } from '../support/side.js';
import { LEFT_OUT } from '../support/state-fields.js';

const ROLES = ['client', 'server'] as const;

/** Made of keys that are compared, or of what makes these again. */
const OF_KEYS = new Set(['ciphers', 'source', '#exporter']);

/** Nothing needs the peer's Finished after the handshake. */
const NOT_KEPT = '#verifyData';

/** Timers that count from the return: they watch the peer and the path to it. */
const ANEW = /\.timers\.(idle|keep-alive|path): /;
/** How far a process may go on beside its checkpoints: all of it stays where the association only hibernates. And its way to an address. */
const OF_PROCESS = /\.(#reserved|#upTo|reservation|timers\.own-path): /;
const STAYS_ASLEEP = new Set(['Association.reservation', 'CountingReader.#upTo']);
/** Of the flight under way. Nothing reads them while there is none. */
const OF_FLIGHT = /\.#flights\.(#largest|#window|#repeatGap|#nextRepair): /;

/** Where two objects differ, as paths of fields. */
function differences(one: unknown, other: unknown, path: string, seen: Set<unknown>): string[] {
  if (typeof one === 'function' || Object.is(one, other) || isRounded(one, other)) return [];
  if (one instanceof Uint8Array && other instanceof Uint8Array)
    return toHex(one) === toHex(other) ? [] : [path];
  const differ = `${path}: ${String(one)} is ${String(other)}`;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return [differ];
  if (seen.has(one)) return [];
  seen.add(one);
  const [left, right] =
    path.endsWith('#state.read') || path.endsWith('#state.write')
      ? [generationOf(one), generationOf(other)]
      : [partsOf(one), partsOf(other)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((name) =>
    differences(left.get(name), right.get(name), `${path}.${name}`, seen),
  );
}

/** Instants are written in whole ms. */
function isRounded(one: unknown, other: unknown): boolean {
  if (typeof one !== 'number' || typeof other !== 'number') return false;
  return (one - other) % 1 !== 0 && Math.abs(one - other) < 1;
}

/** A restored state refers to the reader or the writer of the epoch. */
function generationOf(object: object): Map<string, unknown> {
  const { epoch, secret } = object as Generation;
  return new Map<string, unknown>(Object.entries({ epoch, secret }));
}

/** Fields that are to be the same, or the members of a collection. */
function partsOf(object: object): Map<string, unknown> {
  if (object instanceof Map || object instanceof Set)
    return new Map([...object.entries()].map(([name, value]) => [String(name), value]));
  if (object instanceof Timers) return timersOf(object);
  if (object instanceof Epochs)
    return new Map(Object.entries({ readers: object.protectedReaders, writers: object.protectedWriters }));
  if (object instanceof KeptHandshake) return new Map([['whole', object.whole]]);
  const classes = classesOf(object);
  const fields = [...fieldsOf(object)].filter(
    ([name]) =>
      name !== NOT_KEPT && !OF_KEYS.has(name) && !classes.some((each) => isLeftOut(`${each}.${name}`)),
  );
  return new Map(fields);
}

function isLeftOut(name: string): boolean {
  return Object.hasOwn(LEFT_OUT, name) && !STAYS_ASLEEP.has(name);
}

/** Those that run, by name: their order says nothing. */
function timersOf(timers: Timers): Map<string, unknown> {
  const running = new Map<string, unknown>();
  let timer = fieldsOf(timers).get('#first') as Timer | undefined;
  for (; timer !== undefined; timer = timer.next) running.set(timer.name, timer.at);
  return running;
}

function classesOf(object: object): string[] {
  const names: string[] = [];
  for (let each: unknown = Object.getPrototypeOf(object); each !== null; each = Object.getPrototypeOf(each))
    names.push((each as object).constructor.name);
  return names;
}

function assertRestored(pair: Pair, side: Side, options: PairOptions): void {
  const before = machineOf(side.entry.connection);
  const { role } = side;
  const settings = behaviour(role === 'client' ? options.clientBehaviour : options.serverBehaviour);
  const service = security(role, pair.version, options[role]);
  const state = before.save(pair.now);
  const after = Machine.restore(service, settings, before.path.address, state, pair.now);
  assert.ok(after !== undefined);
  // Asked nothing of its peer yet.
  assert.equal(connectionAround(after).phase, before.life.at);
  const { whole } = fieldAt(before, '#handshake') as KeptHandshake;
  const isIdle = fieldAt(whole, '#flights', '#underWay') === undefined;
  const ofThis = (each: string): boolean => ANEW.test(each) || (isIdle && OF_FLIGHT.test(each));
  const found = differences(before, after, 'machine', new Set());
  assert.deepEqual(
    found.filter((each) => !ofThis(each) && !OF_PROCESS.test(each)),
    [],
  );
}

/** One that hibernates in this process has what a checkpoint has left to it, too. */
function assertWoken(pair: Pair, side: Side, options: PairOptions): boolean {
  const before = machineOf(side.entry.connection);
  if (!before.maySleep) return false;
  const { role } = side;
  const settings = behaviour(role === 'client' ? options.clientBehaviour : options.serverBehaviour);
  const service = security(role, pair.version, options[role]);
  const state = before.saveAsleep(pair.now);
  const { address } = before.path;
  const after = Machine.restore(service, settings, address, state, pair.now, undefined, undefined, true);
  assert.ok(after !== undefined);
  assert.deepEqual(
    differences(before, after, 'machine', new Set()).filter(
      (each) => !ANEW.test(each) && !OF_FLIGHT.test(each),
    ),
    [],
  );
  return true;
}

function fieldAt(object: object, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((each, name) => fieldsOf(each as object).get(name), object);
}

interface Scene extends Pick<PairOptions, 'clientBehaviour' | 'serverBehaviour'> {
  readonly play: (pair: Pair, side: Side, other: Side) => void;
  readonly only?: TestedVersion;
}

const IDS = { clientBehaviour: { connectionId: 6 }, serverBehaviour: { connectionId: 8 } };

const SCENES: Readonly<Record<string, Scene>> = {
  'after messages in both directions': {
    ...IDS,
    play: (pair, side, other) => {
      for (let i = 0; i < 40; i++) {
        pair.send(side, utf8(`up ${i}`));
        if (i % 3 > 0) pair.send(other, utf8(`down ${i}`));
        pair.runFor(7);
      }
    },
  },
  'at the end of the handshake, with all of it unacknowledged': {
    play: () => undefined,
  },
  'while its keys change, and with forgeries counted': {
    ...IDS,
    only: 'DTLSv1.3',
    play: (pair, side, other) => {
      pair.onDelivery = undefined;
      other.endpoint.updateKeys(other.entry, { requestPeer: true }, pair.now);
      pair.runFor(500);
      pair.intercept = (data, from) => (from === other.role ? [] : [data]);
      side.endpoint.updateKeys(side.entry, { requestPeer: true }, pair.now);
      side.endpoint.updateKeys(side.entry, { requestPeer: true }, pair.now);
      pair.runFor(3000);
      const forged = Uint8Array.of(0x2c, ...pair.idsOf(side).receive, 1, 2, ...new Array<number>(40).fill(7));
      pair.inject(side, forged);
      pair.inject(side, forged);
    },
  },
  'while a new address is checked': {
    ...IDS,
    play: (pair, side, other) => {
      pair.send(other, utf8('here'));
      pair.runFor(2000);
      pair.rebind(other);
      pair.send(other, utf8('there'));
      pair.intercept = (data, from) => (from === other.role ? [] : [data]);
      pair.onDelivery = undefined;
      pair.inject(side, new Uint8Array(0));
      pair.intercept = undefined;
      pair.runFor(10);
      pair.intercept = () => [];
      pair.runFor(20);
      assert.equal(side.entry.connection.path.validated, false);
    },
  },
  'after a refused address': {
    clientBehaviour: { ...IDS.clientBehaviour, returnRoutability: 'never' },
    serverBehaviour: { ...IDS.serverBehaviour, returnRoutability: 'never' },
    play: (pair, side, other) => {
      pair.rebind(other, true);
      pair.send(other, utf8('there'));
      pair.runFor(100);
      side.endpoint.refusePath(side.entry, pair.now);
      pair.drain();
      pair.runFor(100);
      assert.equal(side.entry.connection.path.validated, true);
    },
  },
  'after datagrams were refused as too large': {
    play: (pair, side) => {
      pair.systemLimit[side.role] = 700;
      pair.send(side, new Uint8Array(900));
      pair.runFor(100);
    },
  },
};

for (const version of VERSIONS)
  suite(`${version}: a restored session has the same fields`, () => {
    for (const [name, { play, only = version, ...options }] of Object.entries(SCENES))
      for (const role of ROLES)
        if (only === version)
          test(`${name}, ${role}`, () => {
            const pair = new Pair({ version, ...options }).handshake();
            pair.explain(() => {
              play(pair, pair[role], role === 'client' ? pair.server : pair.client);
              assertRestored(pair, pair[role], { version, ...options });
            });
          });

    test('whatever is under way', () => {
      let compared = 0;
      let woken = 0;
      for (let seed = 1; seed <= 4; seed++) {
        const survival = new Survival(version, seed);
        survival.onExport = (side) => {
          if (assertWoken(survival.pair, side, survival.options)) woken++;
          assertRestored(survival.pair, side, survival.options);
          compared++;
        };
        survival.run();
      }
      assert.ok(compared > 4 && woken > 0, `${compared} comparisons, ${woken} of those that may sleep`);
    });
  });
