import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { HandshakeType, handshakeTypeName } from '#lib/wire/codes.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider13, type OpenMessage } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { recordsOf } from '../../support/records.js';

const version = 'DTLSv1.3';
const UNKNOWN_TYPE = 250;

/** How an attacker with the keys changes one message of a flight. */
interface Fault {
  readonly what: string;
  readonly change: (message: OpenMessage) => readonly OpenMessage[];
  /** How many more messages there are then, by which later ones are numbered. */
  readonly shift: number;
  readonly alert: string;
  /** Messages, by type, that deserve another alert, or `none` where the fault is no fault. */
  readonly but?: Readonly<Record<number, string>>;
}

const { certificate, certificate_request, encrypted_extensions, finished } = HandshakeType;

const FAULTS: readonly Fault[] = [
  {
    what: 'without its last byte',
    change: (message) => [{ ...message, body: message.body.subarray(0, -1) }],
    shift: 0,
    alert: 'decode_error',
  },
  {
    what: 'with a byte too many',
    change: (message) => [{ ...message, body: concat(message.body, Uint8Array.of(0)) }],
    shift: 0,
    alert: 'decode_error',
  },
  {
    what: 'without a body',
    change: (message) => [{ ...message, body: new Uint8Array(0) }],
    shift: 0,
    alert: 'decode_error',
  },
  {
    what: 'twice',
    change: (message) => [message, { ...message, messageSeq: message.messageSeq + 1 }],
    shift: 1,
    alert: 'unexpected_message',
  },
  {
    what: 'under an unknown type',
    change: (message) => [{ ...message, type: UNKNOWN_TYPE }],
    shift: 0,
    alert: 'unexpected_message',
  },
  {
    what: 'left out',
    change: () => [],
    shift: -1,
    alert: 'unexpected_message',
    // A server need not ask for a certificate: what its peers signed is then not what came.
    but: { [certificate_request]: 'decrypt_error', [finished]: 'none' },
  },
  {
    what: 'after the one that follows it',
    change: (message) => [{ ...message, messageSeq: message.messageSeq + 1 }],
    shift: 0,
    alert: 'unexpected_message',
    but: { [finished]: 'none' },
  },
];

/** The messages of each side's protected flight, in order. */
const FLIGHTS: Readonly<Record<Role, readonly number[]>> = {
  server: [
    encrypted_extensions,
    certificate_request,
    certificate,
    HandshakeType.certificate_verify,
    finished,
  ],
  client: [certificate, HandshakeType.certificate_verify, finished],
};

/** A mutual handshake; the message of `type` from `sender` has the fault. */
function faulty(sender: Role, type: number, { change, shift, what }: Fault): Pair {
  const pair = new Pair({
    version,
    client: CLIENTS.ed25519,
    server: { requestCert: true },
    clientBehaviour: { mtu: 4000 },
    serverBehaviour: { mtu: 4000 },
  });
  const insider = new Insider13(pair);
  const swaps = what.startsWith('after');
  pair.intercept = (data, from) => {
    if (from !== sender || !recordsOf(data).some(({ epoch }) => epoch === 2)) return [data];
    let later = 0;
    let swapped = false;
    const rewritten = insider.rewrite(sender, data, (message, epoch) => {
      if (epoch === 0) return [message];
      if (message.type === type && later === 0 && !swapped) {
        later = shift;
        swapped = swaps;
        return change(message);
      }
      if (swapped) {
        swapped = false;
        return [{ ...message, messageSeq: message.messageSeq - 1 }];
      }
      return [{ ...message, messageSeq: message.messageSeq + later }];
    });
    return rewritten.length === 0 ? [] : [rewritten];
  };
  pair.connect();
  pair.runFor(900);
  return pair;
}

for (const sender of ['server', 'client'] as const) {
  const judge = sender === 'server' ? 'client' : 'server';
  for (const type of FLIGHTS[sender]) {
    suite(`a ${handshakeTypeName(type)} of a DTLS 1.3 ${sender}`, () => {
      for (const fault of FAULTS) {
        const alert = fault.but?.[type] ?? fault.alert;
        if (alert === 'none') continue;
        test(`${fault.what}: the ${judge} answers ${alert}`, () => {
          const pair = faulty(sender, type, fault);
          pair.explain(() => {
            assert.deepEqual(pair[judge].alerts('sent'), [`fatal ${alert}`]);
            assert.ok(pair[judge].isClosed);
            assert.ok(pair[sender].isClosed);
          });
        });
      }
    });
  }
}

suite('each byte of a proof of DTLS 1.3 changed', () => {
  for (const sender of ['server', 'client'] as const) {
    const judge = sender === 'server' ? 'client' : 'server';
    for (const type of [HandshakeType.certificate_verify, finished]) {
      test(`${handshakeTypeName(type)} of the ${sender} is refused`, () => {
        const length = type === finished ? 32 : 68;
        for (let at = 0; at < length; at++) {
          const pair = faulty(sender, type, {
            what: `byte ${at}`,
            change: (message) => {
              const body = message.body.slice();
              body[at] = (body[at] ?? 0) ^ 1;
              return [{ ...message, body }];
            },
            shift: 0,
            alert: '',
          });
          const [alert] = pair[judge].alerts('sent');
          // The scheme and the length precede the signature.
          const expected = type === finished || at >= 4 ? 'decrypt_error' : undefined;
          if (expected === undefined)
            assert.match(alert ?? '', /illegal_parameter|decode_error/, `byte ${at}`);
          else assert.equal(alert, `fatal ${expected}`, `byte ${at}`);
          assert.equal(pair.server.sessions.length, 0);
        }
      });
    }
  }
});
