/** What a server does with messages, by its argument `--traffic`. */

/** Messages that a source sends before it looks at its socket again. */
const BURST = 32;

/** Messages taken by a sink, or sent by a source. */
export const counted = { messages: 0 };

/** `echo` sends a message back, `sink` counts it; to `source` its first four bytes say how many of its length to send. */
export function onTraffic(kind: string, message: Uint8Array, send: (message: Uint8Array) => void): void {
  if (kind === 'echo') send(message);
  else if (kind === 'sink') counted.messages += 1;
  else pour(message.slice(), send);
}

function pour(message: Uint8Array, send: (message: Uint8Array) => void): void {
  let left = new DataView(message.buffer, message.byteOffset).getUint32(0);
  const burst = (): void => {
    for (let i = 0; i < BURST && left > 0; i++, left--) {
      send(message);
      counted.messages += 1;
    }
    if (left > 0) setImmediate(burst);
  };
  burst();
}
