/// <reference lib="dom" />
/**
 * What a page of a browser does. Each function runs there by its text alone: it may use nothing else of this file but types, and keeps
 * what the next one needs in `globalThis.rtc`.
 */

/** Of one connection. */
export interface PageState {
  readonly connection: RTCPeerConnection;
  readonly channel: RTCDataChannel;
  /** The first message that came back. */
  readonly echo: Promise<string>;
  /** States of the DTLS transport, in order, and its errors. */
  readonly log: string[];
}

declare global {
  var rtc: PageState;
}

/** What the browser says in the end. */
export interface PageFacts {
  readonly state: RTCDtlsTransportState | undefined;
  readonly log: readonly string[];
  readonly echo: string;
  /** `FEFC` is DTLS 1.3, `FEFD` 1.2; `undefined` where the browser has no such fact. */
  readonly version: string | undefined;
  readonly suite: string | undefined;
}

/** Makes a connection with one channel, which sends `text` when it is open. Returns the offer, or the answer to `offer`. */
export async function describe(text: string, offer?: string, setup?: string): Promise<string> {
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel('chat');
  channel.onopen = () => channel.send(text);
  const echo = new Promise<string>((resolve) => {
    channel.onmessage = ({ data }) => resolve(String(data));
  });
  const log: string[] = [];
  globalThis.rtc = { connection, channel, echo, log };
  const watch = () => {
    const transport = connection.sctp?.transport;
    if (transport === undefined || transport.onstatechange !== null) return;
    transport.onstatechange = () => log.push(transport.state);
  };
  connection.onsignalingstatechange = watch;
  if (offer === undefined) {
    const ours = await connection.createOffer();
    await connection.setLocalDescription(ours);
    watch();
    return ours.sdp ?? '';
  }
  await connection.setRemoteDescription({ type: 'offer', sdp: offer });
  const ours = await connection.createAnswer();
  const sdp = (ours.sdp ?? '').replace(/a=setup:\w+/, `a=setup:${setup}`);
  await connection.setLocalDescription({ type: 'answer', sdp });
  watch();
  return sdp;
}

export async function accept(answer: string): Promise<void> {
  await globalThis.rtc.connection.setRemoteDescription({ type: 'answer', sdp: answer });
}

/** Waits until the echo is there, or the transport has failed, or `ms` have passed. */
export async function outcome(ms: number): Promise<PageFacts> {
  const { connection, echo, log } = globalThis.rtc;
  const isOver = () => ['failed', 'closed'].includes(connection.sctp?.transport.state ?? '');
  const late = new Promise<string>((resolve) => {
    const end = performance.now() + ms;
    const timer = setInterval(() => {
      if (!isOver() && performance.now() < end) return;
      clearInterval(timer);
      resolve('');
    }, 20);
  });
  const told = await Promise.race([echo, late]);
  const stats: Record<string, string>[] = [];
  (await connection.getStats()).forEach((one: Record<string, string>) => {
    stats.push(one);
  });
  const transport = stats.find(({ type }) => type === 'transport');
  const [version, suite] = [transport?.['tlsVersion'], transport?.['dtlsCipher']];
  return { state: connection.sctp?.transport.state, log, echo: told, version, suite };
}
