/**
 * The DTLS of WebRTC data channels over `datagram-tls/core`: ICE proves the path, the descriptions hold fingerprints and choose the
 * client, and SCTP carries messages. Each program is both ends; a browser can be either one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Peer } from './webrtc/peer.js';

/** Longer than a whole handshake takes. */
const WAIT_MS = 300;
const WRONG = `sha-256 ${Array.from({ length: 32 }, () => '00').join(':')}`;

/** The offer waits; the other side is the client (`active`) or the server of DTLS. */
async function call(setup: 'active' | 'passive', maxVersion: 'DTLSv1.2' | 'DTLSv1.3'): Promise<void> {
  const [offerer, answerer] = await Promise.all([
    Peer.create({ lite: true, maxVersion }),
    Peer.create({ lite: false }),
  ]);
  answerer.onchannel = (channel) => {
    channel.onmessage = (text) => channel.send(`${text}, from ${channel.label}`);
  };
  offerer.accept(answerer.answer(offerer.offer(), setup));
  const [session] = await Promise.all([offerer.connected(), answerer.connected()]);
  const channel = await offerer.open('chat');
  const echo = new Promise<string>((resolve) => {
    channel.onmessage = resolve;
  });
  channel.send('hello');
  const { role } = await offerer.dtls;
  console.log(`setup:${setup}: the offerer is the ${role}, ${session.version}: ${await echo}`);
  await Promise.all([offerer.close(), answerer.close()]);
}

/** The ClientHello overtakes the answer: the handshake waits for the fingerprint. */
async function lateAnswer(): Promise<void> {
  const [offerer, answerer] = await Promise.all([Peer.create({ lite: true }), Peer.create({ lite: false })]);
  const answer = answerer.answer(offerer.offer(), 'active');
  const dtls = await offerer.dtls;
  const state = await Promise.race([
    dtls.connected.then(() => 'connected'),
    delay(WAIT_MS, 'the handshake waits'),
  ]);
  console.log(`before the answer: ${state}`);
  offerer.accept(answer);
  await Promise.all([offerer.connected(), answerer.connected()]);
  console.log('after the answer: connected');
  await Promise.all([offerer.close(), answerer.close()]);
}

/** The peer has another certificate than the description says. */
async function mismatch(): Promise<void> {
  const [offerer, answerer] = await Promise.all([Peer.create({ lite: true }), Peer.create({ lite: false })]);
  const answer = answerer.answer(offerer.offer(), 'active');
  offerer.accept(answer.replace(/(?<=a=fingerprint:).*/, WRONG));
  const [ours, theirs] = await Promise.all([offerer.dtls, answerer.dtls]);
  const errors = await Promise.all([ours.closed, theirs.closed]);
  console.log(`mismatch: ${errors.map((error) => `${error?.source} ${error?.alert}`).join(', ')}`);
  await Promise.all([offerer.close(), answerer.close()]);
}

await call('active', 'DTLSv1.3');
await call('passive', 'DTLSv1.3');
await call('active', 'DTLSv1.2');
await call('passive', 'DTLSv1.2');
await lateAnswer();
await mismatch();
