// What bounds a session, a checkpoint or a path that is not validated, bounds it in
// its sleep, too.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { machineOf } from '#lib/connection/connection.js';
import { Machine } from '#lib/connection/machine.js';
import { Pair } from '../support/pair.js';
import { security, VERSIONS } from '../support/settings.js';
import type { Side } from '../support/side.js';

const RESERVE = 16;
/** RFC 9147 §5.1. */
const AMPLIFICATION = 3;

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** `side` sleeps, and is woken by what comes next. */
function sleep(pair: Pair, side: Side): void {
  assert.equal(side.endpoint.hibernate(side.entry, pair.now), true, 'it stays awake');
}

/** Sends until nothing more goes out, with a sleep before each message; returns how many did. */
function sendAsleep(pair: Pair, side: Side): number {
  let sent = 0;
  for (; sent < 100; sent++) {
    // One that may write nothing waits for its store.
    if (!side.endpoint.hibernate(side.entry, pair.now)) break;
    pair.send(side, utf8(`message ${sent}`));
    pair.runFor(50);
  }
  return sent;
}

for (const version of VERSIONS) {
  const open = (): Pair => {
    const pair = new Pair({ version }).handshake();
    pair.runFor(600_000);
    return pair;
  };

  suite(`${version}: a session with a checkpoint`, () => {
    test('writes no record beyond its reserved numbers, however often it has slept', () => {
      open().explain((pair) => {
        const { server, client } = pair;
        const { connection } = server.entry;
        const kept = connection.checkpoint(RESERVE, pair.now);
        connection.confirmCheckpoint(pair.now);
        // One number is left for an alert.
        assert.equal(sendAsleep(pair, server), RESERVE - 1);
        assert.equal(pair.send(server, utf8('one too many')), -1);
        pair.goOn('server', kept);
        pair.runFor(1000);
        for (let left = 0; left < 3; left++) pair.send(pair.server, utf8(`after ${left}`));
        pair.runFor(1000);
        assert.equal(textOf(client.messages.at(-1)), 'after 2');
        const texts = client.messages.map(textOf);
        assert.equal(new Set(texts).size, texts.length);
      });
    });

    test('delivers no message beyond those that it may, however often it has slept', () => {
      open().explain((pair) => {
        const { server, client } = pair;
        server.entry.connection.checkpoint(RESERVE, pair.now);
        server.entry.connection.confirmCheckpoint(pair.now);
        for (let i = 0; i < 2 * RESERVE; i++) {
          pair.runFor(10);
          server.endpoint.hibernate(server.entry, pair.now);
          pair.send(client, utf8(`message ${i}`));
          pair.runFor(50);
        }
        assert.equal(server.messages.length, RESERVE);
        assert.equal(server.dropped['not_reserved'], RESERVE);
      });
    });

    test('has the lower bound of two until the second checkpoint is kept, also asleep', () => {
      open().explain((pair) => {
        const { server } = pair;
        const { connection } = server.entry;
        connection.checkpoint(RESERVE, pair.now);
        connection.confirmCheckpoint(pair.now);
        for (let i = 0; i < 3; i++) pair.send(server, utf8(`message ${i}`));
        sleep(pair, server);
        connection.checkpoint(4 * RESERVE, pair.now);
        assert.equal(sendAsleep(pair, server), RESERVE - 4);
        connection.confirmCheckpoint(pair.now);
        assert.equal(sendAsleep(pair, server), 3 * RESERVE + 3);
      });
    });

    test('leaves its reserved numbers to this process alone', () => {
      open().explain((pair) => {
        const { connection } = pair.server.entry;
        connection.checkpoint(RESERVE, pair.now);
        const machine = machineOf(connection);
        const service = security('server', version);
        const goOn = (asleep: boolean): Machine | undefined => {
          const state = machine.saveAsleep(pair.now);
          const { address } = machine.path;
          return Machine.restore(
            service,
            machine.behaviour,
            address,
            state,
            pair.now,
            undefined,
            undefined,
            asleep,
          );
        };
        assert.equal(goOn(false), undefined);
        assert.ok(goOn(true));
      });
    });

    test('asks once for the next checkpoint, also asleep', () => {
      open().explain((pair) => {
        const { server } = pair;
        const { connection } = server.entry;
        connection.checkpoint(RESERVE, pair.now);
        connection.confirmCheckpoint(pair.now);
        server.checkpointsDue = 0;
        sendAsleep(pair, server);
        assert.equal(server.checkpointsDue, 1);
      });
    });

    const acknowledges = version === 'DTLSv1.3';
    if (acknowledges)
      test('answers nothing of the handshake after its sleep that its checkpoint does not know of', () => {
        open().explain((pair) => {
          const { server, client } = pair;
          const { connection } = server.entry;
          connection.checkpoint(RESERVE, pair.now);
          connection.confirmCheckpoint(pair.now);
          sleep(pair, server);
          client.endpoint.updateKeys(client.entry, { requestPeer: false }, pair.now);
          pair.runFor(300);
          // The ACK waits, so that it does not sleep.
          assert.equal(server.endpoint.hibernate(server.entry, pair.now), false);
          connection.checkpoint(RESERVE, pair.now);
          connection.confirmCheckpoint(pair.now);
          server.endpoint.touch(server.entry);
          pair.runFor(10_000);
          sleep(pair, server);
          pair.send(client, utf8('under new keys'));
          pair.runFor(100);
          assert.equal(textOf(server.messages.at(-1)), 'under new keys');
        });
      });
  });

  suite(`${version}: a session on a path that is not validated`, () => {
    /** The client has moved, and nothing proves that it is there. */
    const openMoved = (): { readonly pair: Pair; readonly there: PeerAddress } => {
      const behaviour = { connectionId: 8, returnRoutability: 'never' } as const;
      const pair = new Pair({ version, clientBehaviour: behaviour, serverBehaviour: behaviour }).handshake();
      pair.runFor(600_000);
      const there = pair.rebind(pair.client);
      pair.send(pair.client, utf8('moved'));
      pair.runFor(1000);
      assert.equal(pair.server.entry.peer.port, there.port);
      return { pair, there };
    };

    test('hibernates, and shows that it is not validated', () => {
      const { pair, there } = openMoved();
      const { connection } = pair.server.entry;
      const before = { ...connection.path };
      sleep(pair, pair.server);
      const { address, validated, bytesReceived, bytesSent } = connection.path;
      assert.deepEqual([address.port, validated], [there.port, false]);
      assert.equal(connection.hibernates, true);
      assert.ok(
        bytesReceived > 0 && bytesReceived === before.bytesReceived && bytesSent === before.bytesSent,
      );
    });

    test('gets at most three times its bytes, however often it has slept', () => {
      const { pair } = openMoved();
      pair.explain(() => {
        let [arrived, left] = [0, 0];
        pair.onArrival = (to, data) => {
          if (to.role === 'server') arrived += data.length;
        };
        pair.onDeparture = (from, data) => {
          if (from.role === 'server') left += data.length;
        };
        const { bytesReceived, bytesSent } = pair.server.entry.connection.path;
        for (let round = 0; round < 5; round++) {
          for (let i = 0; i < 20; i++) {
            sleep(pair, pair.server);
            pair.send(pair.server, utf8(`round ${round}, message ${i}`));
            pair.runFor(50);
          }
          const room = AMPLIFICATION * (bytesReceived + arrived) - bytesSent;
          assert.ok(left <= room, `${left} bytes of ${room}`);
          // All that fits has gone out: sleep takes nothing of the budget either.
          assert.ok(room - left < 100, `${left} bytes of ${room}`);
          pair.send(pair.client, utf8(`still here ${round}`));
          pair.runFor(50);
        }
        assert.equal(pair.server.entry.connection.path.validated, false);
      });
    });

    test('sends what waited once the application vouches for the address', () => {
      const { pair } = openMoved();
      const { server, client } = pair;
      for (let i = 0; i < 10; i++) pair.send(server, new Uint8Array(60).fill(i));
      pair.runFor(1000);
      const got = client.messages.length;
      assert.ok(got < 10);
      sleep(pair, server);
      server.endpoint.validatePath(server.entry);
      pair.runFor(1000);
      assert.equal(client.messages.length, 10);
      sleep(pair, server);
      assert.equal(server.entry.connection.path.validated, true);
    });

    test('returns to the former address when the application refuses the new one', () => {
      const { pair, there } = openMoved();
      const { server } = pair;
      sleep(pair, server);
      server.endpoint.refusePath(server.entry, pair.now);
      pair.drain();
      assert.notEqual(server.entry.peer.port, there.port);
      assert.equal(server.entry.connection.path.validated, true);
    });

    test('does not hibernate while the new address is checked', () => {
      const behaviour = { connectionId: 8 };
      const pair = new Pair({ version, clientBehaviour: behaviour, serverBehaviour: behaviour }).handshake();
      pair.runFor(600_000);
      pair.rebind(pair.client);
      pair.intercept = (data, from) => (from === 'server' ? [] : [data]);
      pair.send(pair.client, utf8('moved'));
      pair.runFor(100);
      const { connection } = pair.server.entry;
      assert.equal(connection.path.validated, false);
      assert.equal(pair.server.endpoint.hibernate(pair.server.entry, pair.now), false);
      pair.intercept = undefined;
      pair.send(pair.client, utf8('still here'));
      pair.runFor(10_000);
      assert.equal(connection.path.validated, true);
      sleep(pair, pair.server);
    });
  });
}
