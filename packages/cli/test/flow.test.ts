import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flow } from '#lib/flow.js';

function sent(n: number): Flow {
  const flow = new Flow();
  for (let i = 0; i < n; i++) flow.onSent();
  return flow;
}

/** Whether a promise is settled once all that can happen without a timer has happened. */
async function settles(promise: Promise<void>): Promise<boolean> {
  const later = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([promise.then(() => true), later]);
}

test('a full window makes the sender wait until an answer comes', async () => {
  const flow = sent(32);
  const room = flow.room();
  assert.equal(await settles(room), false);
  flow.onReceived();
  assert.equal(await settles(room), true);
});

test('a peer that never answers does not stop the sender', async () => {
  await sent(32).room();
});

test('the end waits for as many messages as were sent', async () => {
  const flow = sent(2);
  const drained = flow.drained(60_000);
  flow.onReceived();
  assert.equal(await settles(drained), false);
  flow.onReceived();
  assert.equal(await settles(drained), true);
});

test('the end does not wait when nothing was sent', async () => {
  assert.equal(await settles(sent(0).drained(60_000)), true);
});

test('the end waits no longer than the quiet time for lost answers', async () => {
  await sent(1).drained(1);
});

test('a stopped flow delays nothing', async () => {
  for (const wait of [(flow: Flow) => flow.room(), (flow: Flow) => flow.drained(60_000)]) {
    const flow = sent(32);
    const waiting = wait(flow);
    flow.stop();
    assert.equal(await settles(waiting), true);
    assert.equal(await settles(wait(flow)), true);
  }
});
