/**
 * Prints how many bytes of V8's heap and of buffers each of COUNT open sessions takes that rests, beside what an endpoint and an
 * application keep of it. In a process of its own, and without V8's optimizing compilers: see scenarios/leak-program.ts.
 */
import { MemoryPool } from '#lib/base/memory.js';
import { type Connection, connectionAround, machineFrom } from '#lib/connection/connection.js';
import { decodeState } from '#lib/connection/saved-state.js';
import { collectGarbage } from '../support/garbage.js';
import { Pair } from '../support/pair.js';
import { behaviour, security, VERSIONS } from '../support/settings.js';

const version = VERSIONS.find((each) => each === process.argv[2]) ?? VERSIONS[0];
const COUNT = Number(process.argv[3]);
const pair = new Pair({ version }).handshake();
const state = pair.server.endpoint.save(pair.server.entry, pair.now);
const service = security('server', version, undefined);
const settings = behaviour({});
/** Of the endpoint. */
const pool = new MemoryPool(0);

function open(count: number): Connection[] {
  return Array.from({ length: count }, () =>
    connectionAround(machineFrom(decodeState(state), service, settings, { age: 0, now: pair.now }, pool)),
  );
}

function held(): number {
  for (let pass = 0; pass < 3; pass++) collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Until each function has run. */
const first = open(200);
const before = held();
const sessions = open(COUNT);
const after = held();
console.log((after - before) / sessions.length, first.length);
