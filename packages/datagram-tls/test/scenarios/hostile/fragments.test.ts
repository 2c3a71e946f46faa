import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { HandshakeType } from '#lib/wire/codes.js';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { fragmentRecord, plainFragments, recordsOf } from '../../support/records.js';

/** Both sides send a certificate, the longest message there is, and send it whole. */
const MUTUAL: PairOptions = {
  client: CLIENTS.ed25519,
  server: { requestCert: true },
  clientBehaviour: { mtu: 4000 },
  serverBehaviour: { mtu: 4000 },
};

/** The side that sends its certificate in fragments: each side in turn. */
const SENDERS = ['server', 'client'] as const;

for (const sender of SENDERS) {
  const receiver = sender === 'client' ? 'server' : 'client';

  suite(`fragments of a certificate to the ${receiver}, DTLSv1.2`, () => {
    test('fragments reassemble in every order of five', () => {
      for (const order of permutations([0, 1, 2, 3, 4])) {
        const pair = splitting(sender, (certificate) => {
          const pieces = cut(certificate, 5);
          return order.map((i) => pieces[i] ?? assert.fail());
        });
        assertConnects(pair);
      }
    });

    test('fragments reassemble when they overlap, repeat and come in any order', () => {
      for (let seed = 0; seed < 60; seed++) {
        const pair = splitting(
          sender,
          (certificate, random) => {
            const pieces = [
              ...cut(certificate, random.between(1, 9)),
              ...cut(certificate, random.between(1, 9)),
            ];
            for (let i = 0; i < 6; i++) {
              const start = random.below(certificate.length);
              pieces.push(piece(certificate, start, random.between(start + 1, certificate.length)));
            }
            return random.shuffled(pieces);
          },
          seed,
        );
        assertConnects(pair);
      }
    });

    test('fragments reassemble one byte at a time', () => {
      assertConnects(splitting(sender, (certificate) => cut(certificate, certificate.length)));
    });

    test('fragments with another message length are discarded and counted', () => {
      for (const wrong of [-40, -1, 1, 1000, 0xff_0000]) {
        const pair = splitting(sender, (certificate) => {
          const [first, second] = cut(certificate, 2) as [Uint8Array, Uint8Array];
          const { type, messageSeq, length } = certificate;
          const liar = fragmentRecord({
            type,
            messageSeq,
            length: length + wrong,
            fragmentOffset: 20,
            fragment: new Uint8Array(30),
          });
          return [first, liar, second];
        });
        assertConnects(pair);
        const { conflicting_fragment = 0, over_budget = 0 } = pair[receiver].dropped;
        assert.equal(conflicting_fragment + over_budget, 1);
      }
    });

    test('a fragment of another type under the same number is discarded and counted', () => {
      const pair = splitting(sender, (certificate) => {
        const [first, second] = cut(certificate, 2) as [Uint8Array, Uint8Array];
        const { messageSeq, length } = certificate;
        const fragment = new Uint8Array(30);
        return [
          first,
          fragmentRecord({ type: HandshakeType.finished, messageSeq, length, fragmentOffset: 0, fragment }),
          second,
        ];
      });
      assertConnects(pair);
      assert.equal(pair[receiver].dropped['conflicting_fragment'], 1);
    });

    test('the first bytes stay: a forged overlap changes nothing', () => {
      const pair = splitting(sender, (certificate) => {
        const { type, messageSeq, length } = certificate;
        const forged = { type, messageSeq, length, fragmentOffset: 0, fragment: new Uint8Array(length / 2) };
        const [first, second] = cut(certificate, 2) as [Uint8Array, Uint8Array];
        return [first, fragmentRecord(forged), second];
      });
      assertConnects(pair);
    });

    test('fragments that run past the end of the message are discarded and counted', () => {
      const pair = splitting(sender, (certificate) => {
        const { type, messageSeq, length } = certificate;
        const at = (fragmentOffset: number, count: number) =>
          fragmentRecord({ type, messageSeq, length, fragmentOffset, fragment: new Uint8Array(count) });
        return [
          at(length - 1, 2),
          at(length + 1, 1),
          at(0xff_ffff, 1),
          at(0, length + 1),
          ...cut(certificate, 1),
        ];
      });
      assertConnects(pair);
      assert.equal(pair[receiver].dropped['malformed_fragment'], 4);
    });

    test('empty fragments do no harm', () => {
      const pair = splitting(sender, (certificate) => {
        const { type, messageSeq, length } = certificate;
        const empty = (fragmentOffset: number) =>
          fragmentRecord({ type, messageSeq, length, fragmentOffset, fragment: new Uint8Array(0) });
        const [first, second] = cut(certificate, 2) as [Uint8Array, Uint8Array];
        return [empty(0), empty(length), first, empty(1), empty(length), second];
      });
      assertConnects(pair);
      assert.deepEqual(pair[receiver].dropped, {});
    });

    test('fragments of a retransmission with other boundaries complete those of the first transmission', () => {
      // Neither transmission ever brings all of it: of the large fragments only the first one, later never that.
      const small = { mtu: 300 };
      const pair = new Pair({ ...MUTUAL, clientBehaviour: small, serverBehaviour: small });
      const sizes = new Set<number>();
      pair.intercept = (data, from) => {
        if (from !== sender) return [data];
        return recordsOf(data).flatMap(({ epoch, whole }) => {
          const [fragment] = epoch === 0 ? plainFragments(whole) : [];
          if (fragment?.type !== HandshakeType.certificate) return [whole];
          if (fragment.fragmentOffset === 0 && pair.now < 2500) sizes.add(fragment.fragmentLength);
          return (fragment.fragmentOffset === 0) === pair.now < 2500 ? [whole] : [];
        });
      };
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 30_000));
        assert.ok(pair.now > 2500 && sizes.size > 0);
      });
    });
  });
}

function assertConnects(pair: Pair): void {
  pair.explain(() => {
    pair.handshake();
    assert.ok(pair.now < 900, 'no retransmission was needed');
  });
}

/** A pair in which the certificate of `sender` arrives as the records that `split` makes of it. */
function splitting(
  sender: Role,
  split: (certificate: HandshakeFragment, random: Pair['random']) => readonly Uint8Array[],
  seed = 1,
): Pair {
  const pair = new Pair({ ...MUTUAL, seed });
  pair.intercept = (data, from) => {
    if (from !== sender) return [data];
    return recordsOf(data).flatMap(({ epoch, whole }) => {
      const [fragment] = epoch === 0 ? plainFragments(whole) : [];
      return fragment?.type === HandshakeType.certificate ? split(fragment, pair.random) : [whole];
    });
  };
  return pair;
}

function cut(message: HandshakeFragment, count: number): Uint8Array[] {
  const at = (i: number) => Math.floor((i * message.length) / count);
  return Array.from({ length: count }, (_, i) => piece(message, at(i), at(i + 1)));
}

function piece(
  { type, messageSeq, length, fragment }: HandshakeFragment,
  from: number,
  to: number,
): Uint8Array {
  return fragmentRecord({
    type,
    messageSeq,
    length,
    fragmentOffset: from,
    fragment: fragment.slice(from, to),
  });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}
