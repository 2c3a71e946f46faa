import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'puppeteer-core';
import { Peer } from '../../../examples/dist/webrtc/peer.js';
import { Failure } from '../exchange.js';
import { type Browser, chromium, firefox } from '../peers/browser.js';
import { ours } from '../peers/ours.js';
import { accept, describe, outcome, type PageFacts } from '../peers/rtc-page.js';
import { reasonOf } from '../text.js';
import type { Version } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const TIMEOUT_MS = 30_000;
const OUTCOME_MS = 10_000;
/** How late the answer comes: later than the whole handshake would be done. */
const LATE_MS = 400;
const TEXT = 'hello';
const NO_FINGERPRINT = `sha-256 ${Array.from({ length: 32 }, () => '00').join(':')}`;
const CODES: Readonly<Record<Version, string>> = { 'DTLSv1.2': 'FEFD', 'DTLSv1.3': 'FEFC' };

/** The side whose description has a false fingerprint of the other. */
type Deceived = 'browser' | 'ours';

interface Plan {
  readonly browser: Browser;
  /** `active`: the browser is the DTLS client. */
  readonly setup: 'active' | 'passive';
  readonly version: Version;
  readonly offerer?: 'browser' | 'ours';
  readonly deceived?: Deceived;
  readonly late?: true;
}

/**
 * Data channels with browsers over `examples/src/webrtc`, on loopback: both roles of DTLS, both versions, either side as the
 * offerer, fingerprints that do not match, and one that comes after the handshake has begun.
 */
export function browserCases(): Case[] {
  return [chromium, firefox].flatMap((browser) =>
    (['active', 'passive'] as const).flatMap((setup) =>
      (['DTLSv1.3', 'DTLSv1.2'] as const).flatMap((version) =>
        plans({ browser, setup, version }).map(asCase),
      ),
    ),
  );
}

function plans(base: Plan): Plan[] {
  return [
    { ...base, offerer: 'ours' },
    { ...base, offerer: 'browser' },
    { ...base, deceived: 'browser' },
    { ...base, deceived: 'ours' },
    // A browser that is the server waits for our ClientHello, which waits for its answer.
    ...(base.setup === 'active' ? [{ ...base, late: true as const }] : []),
  ];
}

function asCase(plan: Plan): Case {
  const { browser, setup, version, offerer = 'ours', deceived, late } = plan;
  const pair = setup === 'active' ? { client: browser, server: ours } : { client: ours, server: browser };
  const what =
    deceived === undefined ? 'data channel' : `a false fingerprint for ${nameOf(deceived, browser)}`;
  const name = [
    pairName(pair),
    what,
    version,
    `offered by ${nameOf(offerer, browser)}`,
    ...(late ? ['answer after the ClientHello'] : []),
  ].join(', ');
  const kind = deceived === undefined ? 'session' : 'refusal';
  const run = async () => await (deceived === undefined ? meet(plan) : refuse(plan, deceived));
  return { name, kind, ...pair, slow: false, timeout: TIMEOUT_MS, run };
}

function nameOf(side: Deceived, browser: Browser): string {
  return side === 'ours' ? ours.name : browser.name;
}

/** A message goes there and back in a data channel, and both sides say the same of the session. */
async function meet(plan: Plan): Promise<string> {
  return await withBoth(plan, async (peer, facts) => {
    const session = await soon(peer.connected());
    const { version, suite, echo } = await facts();
    if (echo !== TEXT) throw new Failure(`the echo is ${echo === '' ? 'missing' : echo}`);
    if (session.version !== plan.version) throw new Failure(`we agreed on ${session.version}`);
    const told = [version ?? CODES[session.version], suite ?? session.suite.name].join(' ');
    const expected = `${CODES[session.version]} ${session.suite.name}`;
    if (told !== expected) throw new Failure(`the browser says ${told}, and we ${expected}`);
    return [session.suite.name, session.group, `setup ${plan.setup}`].join(', ');
  });
}

/** Both sides fail, and the deceived one says why. */
async function refuse(plan: Plan, deceived: Deceived): Promise<string> {
  return await withBoth(plan, async (peer, facts) => {
    const dtls = await peer.dtls;
    const [error, { state, echo }] = await Promise.all([soon(dtls.closed), facts()]);
    const { sent, received } = dtls.alerts;
    const expected = deceived === 'ours' ? 'bad_certificate' : plan.browser.refusal;
    const [alert] = deceived === 'ours' ? sent : received;
    if (alert !== expected) throw new Failure(`the alert is ${alert ?? 'missing'}, not ${expected}`);
    if (error?.source !== (deceived === 'ours' ? 'local' : 'peer') || error.alert !== expected)
      throw new Failure(`our error is ${error === undefined ? 'missing' : reasonOf(error)}`);
    if (state !== 'failed' || echo !== '')
      throw new Failure(`the browser's transport is ${state ?? 'missing'}`);
    return alert;
  });
}

/** Both sides with their descriptions exchanged. `facts` waits for the browser's end of it. */
async function withBoth(
  plan: Plan,
  action: (peer: Peer, facts: () => Promise<PageFacts>) => Promise<string>,
): Promise<string> {
  return await plan.browser.inPage(async (page) => {
    const peer = await Peer.create({ lite: true, maxVersion: plan.version, address: plan.browser.address });
    peer.onchannel = (channel) => {
      channel.onmessage = (text) => channel.send(text);
    };
    try {
      await exchange(plan, page, peer);
      return await action(peer, async () => await page.evaluate(outcome, OUTCOME_MS));
    } finally {
      await peer.close();
    }
  });
}

async function exchange(plan: Plan, page: Page, peer: Peer): Promise<void> {
  const { setup, deceived } = plan;
  const forBrowser = (sdp: string) => (deceived === 'browser' ? lie(sdp) : sdp);
  const forUs = (sdp: string) => (deceived === 'ours' ? lie(sdp) : sdp);
  if (plan.offerer === 'browser') {
    const offer = await page.evaluate(describe, TEXT);
    const answer = peer.answer(forUs(offer), setup === 'active' ? 'passive' : 'active');
    await page.evaluate(accept, forBrowser(answer));
    return;
  }
  const answer = await page.evaluate(describe, TEXT, forBrowser(peer.offer()), setup);
  if (plan.late) await beginWithout(peer);
  peer.accept(forUs(answer));
}

/** The ClientHello is there, and the handshake waits for the answer. */
async function beginWithout(peer: Peer): Promise<void> {
  const dtls = await soon(peer.dtls);
  const connected = dtls.connected.then(() => 'connected');
  const state = await Promise.race([connected, delay(LATE_MS, 'waiting')]);
  if (state !== 'waiting') throw new Failure('the handshake did not wait for the fingerprint');
}

function lie(sdp: string): string {
  return sdp.replace(/(?<=a=fingerprint:).*/, NO_FINGERPRINT);
}

async function soon<T>(promise: Promise<T>): Promise<T> {
  const late = delay(OUTCOME_MS, undefined, { ref: false }).then(() => {
    throw new Failure('nothing came of it in time');
  });
  return await Promise.race([promise, late]);
}
