/**
 * Open sessions that echo: `--port N --suite NAME --clients N --window N`. Each has so many messages of 64 bytes on the way; one
 * that is not back in time is given up, and another one takes its place. Answers each line on standard input with a number of ms
 * by the echoes that came back in that time.
 */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect, type DTLSSession } from 'datagram-tls';

/** A message that takes this long is lost, ms. */
const LOST_AFTER = 50;
const SIZE = 64;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    suite: { type: 'string', default: '' },
    clients: { type: 'string', default: '8' },
    window: { type: 'string', default: '4' },
  },
});

let echoes = 0;
let lost = 0;

/** Keeps a window of messages of one session on the way. */
function keepBusy(session: DTLSSession): void {
  const sentAt = new Map<number, number>();
  let next = 0;
  const message = new Uint8Array(SIZE);
  const number = new DataView(message.buffer);
  const send = () => {
    number.setUint32(0, next);
    sentAt.set(next++, performance.now());
    session.send(message);
  };
  session.onmessage = (data) => {
    if (!sentAt.delete(new DataView(data.buffer, data.byteOffset).getUint32(0))) return;
    echoes++;
    send();
  };
  for (let i = 0; i < Number(values.window); i++) send();
  setInterval(() => {
    const before = performance.now() - LOST_AFTER;
    for (const [one, at] of sentAt) {
      if (at > before) break;
      sentAt.delete(one);
      lost++;
      send();
    }
  }, LOST_AFTER / 2);
}

const sessions: DTLSSession[] = [];
while (sessions.length < Number(values.clients)) {
  const session = connect('127.0.0.1', Number(values.port), {
    rejectUnauthorized: false,
    ciphers: values.suite,
    acceleration: 'off',
  });
  await session.opened;
  sessions.push(session);
}
sessions.forEach(keepBusy);
console.log(JSON.stringify({ ready: true }));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void answer(line));
lines.on('close', () => process.exit());

async function answer(line: string): Promise<void> {
  const before = { echoes, lost };
  await delay(Number(line));
  console.log(JSON.stringify({ echoes: echoes - before.echoes, lost: lost - before.lost }));
}
