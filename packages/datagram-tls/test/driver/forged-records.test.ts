// An attacker who sends in the names of both sides, over sockets, and sees and delays nothing: handshakes go on.

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { ContentType } from '#lib/wire/codes.js';
import { alertRecord, plainRecord, recordsOf, unifiedRecord } from '../support/records.js';
import { type TestedVersion, VERSIONS } from '../support/settings.js';
import { client, roundTrip, server, until } from './echo.js';

const KEY = Buffer.alloc(16, 5);
/** A busy server drops some datagrams of so many, and a slow machine is no reason to believe a forged alert. */
const PATIENT = { initial: 3000 };
/** Of a record that leaves no room for a Finished beside it, where both wait for keys. */
const NEARLY_ALL = 7700;

/** What an attacker sends who knows addresses and nothing else. */
function forged(version: TestedVersion, sequence: number, length = 40): Uint8Array {
  const body = new Uint8Array(length);
  if (version === 'DTLSv1.3') return unifiedRecord(2 + (sequence % 2), sequence, body);
  return plainRecord(ContentType.handshake, body, { epoch: 1, sequence });
}

/** The port of a relay, which passes datagrams on, each as what `change` makes of it. */
async function relay(
  target: number,
  change: (to: 'client' | 'server', data: Uint8Array) => readonly Uint8Array[],
  after: (end: () => void) => void,
): Promise<number> {
  const front = createSocket('udp4').bind(0, '127.0.0.1');
  const back = createSocket('udp4').bind(0, '127.0.0.1');
  after(() => {
    front.close();
    back.close();
  });
  await Promise.all([once(front, 'listening'), once(back, 'listening')]);
  let peer = 0;
  const pass = (to: 'client' | 'server', by: Socket, data: Uint8Array, port: number): void => {
    for (const each of change(to, data)) by.send(each, port, '127.0.0.1');
  };
  front.on('message', (data, { port }) => {
    peer = port;
    pass('server', back, data, target);
  });
  back.on('message', (data) => pass('client', front, data, peer));
  return front.address().port;
}

for (const version of VERSIONS) {
  const settings = { minVersion: version, maxVersion: version, retransmission: PATIENT } as const;

  suite(`forged datagrams during a handshake over sockets, ${version}`, () => {
    test('records that open with no key and alerts, around what both sides send, end nothing', async (t) => {
      const lookedUp: ((key: Buffer) => void)[] = [];
      const psk = async (): Promise<Buffer> => await new Promise((resolve) => lookedUp.push(resolve));
      const service = server(t, { ...settings, cert: undefined, key: undefined, psk });
      let answered = false;
      const junk = [0, 1, 2, 3].map((sequence) => forged(version, sequence));
      const alerts = [alertRecord(2, 40), alertRecord(2, 51), alertRecord(1, 0)];
      const change = (to: 'client' | 'server', data: Uint8Array): readonly Uint8Array[] => {
        if (to === 'client') return [...junk, ...alerts, data, ...junk, ...alerts];
        const records = recordsOf(data);
        // What waits for keys has no room for the Finished; then forgeries come right before it.
        const before = answered ? junk : [forged(version, 0, NEARLY_ALL)];
        return records.flatMap(({ whole }) => [...before, whole]);
      };
      const port = await relay(service.port, change, (end) => t.after(end));
      const session = client(port, { ...settings, ca: undefined, psk: { identity: 'sensor', key: KEY } });
      t.after(() => session.destroy());
      const { opened } = session;
      await until(() => lookedUp.length > 0);
      if (version === 'DTLSv1.2') await until(() => (service.endpoint.stats.drops.over_budget ?? 0n) > 0n);
      answered = true;
      for (const answer of lookedUp) answer(KEY);
      await opened;
      await until(() => service.sessions.length > 0);
      await service.sessions[0]?.opened;
      assert.equal(await roundTrip(session, 'alive'), 'alive');
      assert.ok((service.endpoint.stats.drops.bad_record ?? 0n) > 0n);
    });
  });
}
