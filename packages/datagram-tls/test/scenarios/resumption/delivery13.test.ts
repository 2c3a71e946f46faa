import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType } from '#lib/wire/codes.js';
import { encodeNewSessionTicket13 } from '#lib/wire/messages/new-session-ticket13.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.3';
/** What other tests show of the message, this one holds. */
const TICKET = {
  ticketLifetime: 7200,
  ticketAgeAdd: 1,
  ticketNonce: Uint8Array.of(7),
  ticket: new Uint8Array(60),
  extensions: new Map<number, Uint8Array>(),
};

/** Connects over a path that loses the first `lost` datagrams that the server, or the client, sends after the handshake. */
function losing(from: 'client' | 'server', lost: number): { pair: Pair; left: () => number } {
  const pair = new Pair({ version });
  let left = lost;
  pair.intercept = (data, sender) => {
    if (sender !== from || left === 0 || !pair.server.isConnected || !pair.client.isConnected) return [data];
    left--;
    return [];
  };
  return { pair: pair.connect(), left: () => left };
}

/** Answers the jobs until the server is connected; later jobs wait. */
function answerUntilConnected(pair: Pair): void {
  while (!pair.server.isConnected) {
    const asking = [pair.client, pair.server].find(({ jobs }) => jobs.length > 0);
    if (asking === undefined) pair.runFor(50);
    else pair.answer(asking);
  }
}

suite('NewSessionTicket of DTLS 1.3 on its way', () => {
  test('a NewSessionTicket is retransmitted until it arrives', () => {
    // The first that is lost is the ACK of the Finished.
    const { pair, left } = losing('server', 5);
    pair.runFor(60_000);
    assert.equal(left(), 0);
    assert.equal(pair.client.tickets.length, 1);
    assert.ok(pair.server.flights('sent', true).some((names) => names.includes('new_session_ticket')));
    assertAlive(pair);
  });

  test('a NewSessionTicket is acknowledged again when the ACK was lost, and reported once', () => {
    const { pair, left } = losing('client', 4);
    pair.runFor(60_000);
    assert.equal(left(), 0);
    assert.equal(pair.client.tickets.length, 1);
    const repeats = pair.server.flights('sent', true).length;
    assert.ok(repeats > 0);
    pair.runFor(600_000);
    assert.equal(pair.server.flights('sent', true).length, repeats, 'the server still repeats it');
    assertAlive(pair);
  });

  test('a KeyUpdate of the client does not count as delivery of a NewSessionTicket', () => {
    const { pair } = losing('server', 2);
    pair.runUntil(() => pair.server.isConnected, 5000);
    pair.client.entry.connection.updateKeys({ requestPeer: true }, pair.now);
    pair.client.endpoint.touch(pair.client.entry);
    pair.runFor(60_000);
    assert.equal(pair.client.tickets.length, 1);
    for (const { traced } of [pair.client, pair.server]) {
      assert.ok(traced.some((event) => event.kind === 'key-update' && event.direction === 'sent'));
    }
    assertAlive(pair);
  });

  test('a NewSessionTicket waits for a KeyUpdate of the server that is not acknowledged yet', () => {
    const pair = new Pair({ version, jobs: 'by-hand' }).connect();
    answerUntilConnected(pair);
    assert.equal(pair.server.jobs[0]?.job.kind, 'seal-ticket');
    pair.server.entry.connection.updateKeys({ requestPeer: false }, pair.now);
    pair.server.endpoint.touch(pair.server.entry);
    pair.answer(pair.server);
    pair.runFor(5000);
    const sent = pair.server.flights('sent').slice(-2);
    assert.deepEqual(sent, [['key_update'], ['new_session_ticket']]);
    assert.equal(pair.client.tickets.length, 1);
    assertAlive(pair);
  });

  test('a ticket that is made after the end is not sent', () => {
    const pair = new Pair({ version, jobs: 'by-hand' }).connect();
    answerUntilConnected(pair);
    pair.close(pair.server);
    pair.answer(pair.server);
    pair.runFor(5000);
    assert.deepEqual(pair.client.tickets, []);
    assert.ok(pair.server.isClosed && pair.client.isClosed);
  });

  test('a flood of NewSessionTickets is acknowledged, and few are reported', () => {
    const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
    const insider = new Insider13(pair);
    const body = encodeNewSessionTicket13(TICKET);
    for (let i = 0; i < 50; i++) {
      const message = { type: HandshakeType.new_session_ticket, messageSeq: 6 + i, body };
      pair.inject(pair.client, insider.message('server', 3, message, 10 + i));
    }
    assert.equal(pair.client.tickets.length, 16);
    assertAlive(pair);
  });

  test('a NewSessionTicket without a lifetime is not kept, and none for more than seven days', () => {
    for (const [ticketLifetime, kept] of [
      [0, []],
      [0xffff_ffff, [604_800_000]],
    ] as const) {
      const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
      const body = encodeNewSessionTicket13({ ...TICKET, ticketLifetime });
      const message = { type: HandshakeType.new_session_ticket, messageSeq: 6, body };
      pair.inject(pair.client, new Insider13(pair).message('server', 3, message));
      assert.deepEqual(
        pair.client.tickets.map(({ lifetime }) => lifetime),
        kept,
      );
    }
  });

  test('each of several NewSessionTickets has its own key', () => {
    const pair = new Pair({ version }).handshake();
    const first = savedSession(pair).state.secret;
    const message = {
      type: HandshakeType.new_session_ticket,
      messageSeq: 7,
      body: encodeNewSessionTicket13(TICKET),
    };
    pair.inject(pair.client, new Insider13(pair).message('server', 3, message));
    assert.equal(pair.client.tickets.length, 2);
    assert.notDeepEqual(savedSession(pair).state.secret, first);
  });

  test('a malformed NewSessionTicket, and one that a client sends, end the session', () => {
    const body = encodeNewSessionTicket13(TICKET);
    for (const [to, bytes, alert] of [
      ['client', body.subarray(0, -1), 'decode_error'],
      ['client', Uint8Array.of(...body, 0), 'decode_error'],
      ['server', body, 'unexpected_message'],
    ] as const) {
      const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
      const message = {
        type: HandshakeType.new_session_ticket,
        messageSeq: to === 'client' ? 6 : 3,
        body: bytes,
      };
      const from = to === 'client' ? 'server' : 'client';
      pair.inject(pair[to], new Insider13(pair).message(from, 3, message));
      assert.deepEqual(pair[to].alerts('sent'), [`fatal ${alert}`]);
    }
  });
});
