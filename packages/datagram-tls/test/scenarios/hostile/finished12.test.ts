import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { Spy12 } from '../../support/insider12.js';
import { Pair } from '../../support/pair.js';
import { flipped, fragmentRecord, plainRecord, recordsOf } from '../../support/records.js';
import { returning, savedSession } from '../../support/resumption.js';

const VERIFY_DATA = 12;
const HEADER = 12;

const version = 'DTLSv1.2';
const SESSION = savedSession(new Pair({ version }).handshake());

/** A handshake, and the message_seq of each Finished in it after a HelloVerifyRequest and without client certificates. */
interface Kind {
  readonly name: string;
  readonly begin: () => Pair;
  readonly seq: Readonly<Record<Role, number>>;
}

const KINDS: readonly Kind[] = [
  { name: 'a full handshake', begin: () => new Pair({ version }), seq: { client: 3, server: 6 } },
  {
    name: 'an abbreviated handshake',
    begin: () => returning(SESSION, { version }),
    seq: { client: 2, server: 2 },
  },
];

for (const [kind, sender] of KINDS.flatMap((k) => [[k, 'client'] as const, [k, 'server'] as const])) {
  const receiver = sender === 'client' ? 'server' : 'client';

  suite(`the Finished of the ${sender} in ${kind.name}, DTLSv1.2`, () => {
    test(`${receiver} refuses a Finished with decrypt_error whichever byte of its verify_data is wrong`, () => {
      for (let at = 0; at < VERIFY_DATA; at++) {
        const pair = tampered(kind, sender, (message) => flipped(message, HEADER + at));
        pair.explain(() => {
          assert.equal(pair[receiver].error?.code, 'ERR_DTLS_DECRYPT_ERROR');
          assert.deepEqual(pair[receiver].alerts('sent'), ['fatal decrypt_error']);
        });
      }
    });

    test(`${receiver} refuses a Finished that is too short or too long with decode_error`, () => {
      for (const length of [0, 1, 11, 13, 36]) {
        const pair = tampered(kind, sender, (message) => {
          const resized = new Uint8Array(HEADER + length);
          resized.set(message.subarray(0, Math.min(message.length, resized.length)));
          resized[3] = resized[11] = length;
          return resized;
        });
        pair.explain(() => assert.deepEqual(pair[receiver].alerts('sent'), ['fatal decode_error']));
      }
    });

    test(`${receiver} refuses another message in place of Finished with unexpected_message`, () => {
      const pair = tampered(kind, sender, (message) =>
        flipped(message, 0, HandshakeType.finished ^ HandshakeType.certificate),
      );
      assert.deepEqual(pair[receiver].alerts('sent'), ['fatal unexpected_message']);
    });

    test(`${receiver} does not accept the right Finished without protection`, () => {
      let plaintext: Uint8Array | undefined;
      const pair = kind.begin();
      rewriteFinished(pair, kind, sender, (message) => {
        plaintext = message;
        return undefined;
      });
      pair.connect();
      pair.runUntil(() => plaintext !== undefined, 900);
      assert.ok(plaintext);
      pair.inject(pair[receiver], plainRecord(ContentType.handshake, plaintext));
      assert.equal(pair[receiver].phase, 'handshaking');
      assert.equal(pair[receiver].dropped['unexpected_epoch'], 1);
      pair.intercept = undefined;
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000));
    });

    test(`${receiver} does not accept Finished without protection together with the message before it`, () => {
      const pair = kind.begin();
      const spy = new Spy12(pair);
      let merged = false;
      pair.intercept = (data, from) => {
        spy.see(data);
        const records = recordsOf(data);
        const finished = records.find(({ epoch }) => epoch === 1);
        if (from !== sender || merged || finished === undefined) return [data];
        merged = true;
        const handshake = records.filter(({ type, epoch }) => epoch === 0 && type === ContentType.handshake);
        const message = spy.insider().open(sender, finished.whole);
        return [plainRecord(ContentType.handshake, concat(...handshake.map(({ body }) => body), message))];
      };
      pair.connect();
      pair.runUntil(() => merged, 900);
      assert.equal(pair[receiver].phase, 'handshaking');
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000));
    });

    test(`${receiver} ignores a forged Finished that came before there were keys`, () => {
      for (const fragment of [new Uint8Array(12), new Uint8Array(5)]) {
        const pair = kind.begin().connect();
        pair.runUntil(() => pair[receiver].phase === 'handshaking', 900);
        const forged = {
          type: HandshakeType.finished,
          messageSeq: kind.seq[sender],
          length: 12,
          fragment,
        };
        pair.inject(pair[receiver], fragmentRecord(forged));
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900));
        });
        assert.equal(pair[receiver].dropped['unexpected_epoch'], 1);
      }
    });
  });
}

/** A handshake in which the Finished of `sender` is replaced by an insider, run to its end. */
function tampered(kind: Kind, sender: Role, change: (message: Uint8Array) => Uint8Array): Pair {
  const pair = kind.begin();
  rewriteFinished(pair, kind, sender, change);
  pair.connect();
  pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 2000);
  return pair;
}

/** `change` gets header and body of the Finished and returns what takes its place, if anything. */
function rewriteFinished(
  pair: Pair,
  kind: Kind,
  sender: Role,
  change: (message: Uint8Array) => Uint8Array | undefined,
): void {
  const spy = new Spy12(pair);
  pair.intercept = (data, from) => {
    spy.see(data);
    if (from !== sender) return [data];
    const records = recordsOf(data).map((record) => {
      if (record.epoch === 0 || record.type !== ContentType.handshake) return record.whole;
      const message = spy.insider().open(sender, record.whole);
      assert.equal(readHandshakeFragments(message)?.[0]?.messageSeq, kind.seq[sender]);
      const changed = change(message);
      return changed && spy.insider().seal(sender, record.type, changed, record.sequence);
    });
    const kept = records.filter((record) => record !== undefined);
    return kept.length === 0 ? [] : [concat(...kept)];
  };
}
