import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A port in front of a server, which sees all clients behind it as one address. */
export interface Nat {
  readonly port: number;
  /** Cuts off the present clients; later clients get through. */
  forget(): void;
  /** Keeps answers from the clients; the server still hears them. */
  deafen(): void;
  /** Gives the client another port, which the server has not seen. */
  rebind(): Promise<void>;
  /** Sends a datagram of our own from the address that the server knows. */
  inject(datagram: Uint8Array): void;
  /** The next `count` datagrams of clients arrive in one. */
  joinNext(count: number): void;
  /** Resolves when `count` datagrams have gone to the server. */
  untilSent(count: number): Promise<void>;
  close(): void;
}

export async function openNat(server: number): Promise<Nat> {
  const front = createSocket('udp4');
  let back = createSocket('udp4');
  const onAnswer = (datagram: Uint8Array): void => {
    if (!deaf && client !== undefined && !cutOff.has(client)) front.send(datagram, client, '127.0.0.1');
  };
  const cutOff = new Set<number>();
  let client: number | undefined;
  let deaf = false;
  let sent = 0;
  let toJoin = 1;
  let joined: Uint8Array[] = [];
  front.on('message', (datagram, { port }) => {
    if (cutOff.has(port)) return;
    client = port;
    joined.push(datagram);
    if (joined.length < toJoin) return;
    const whole = Buffer.concat(joined);
    joined = [];
    toJoin = 1;
    back.send(whole, server, '127.0.0.1', () => {
      sent++;
      front.emit('sent');
    });
  });
  back.on('message', onAnswer);
  front.bind(0, '127.0.0.1');
  back.bind(0, '127.0.0.1');
  await Promise.all([once(front, 'listening'), once(back, 'listening')]);
  return {
    port: front.address().port,
    forget: () => {
      if (client !== undefined) cutOff.add(client);
    },
    deafen: () => {
      deaf = true;
    },
    rebind: async () => {
      const before = back;
      const after = createSocket('udp4');
      after.on('message', onAnswer);
      after.bind(0, '127.0.0.1');
      await once(after, 'listening');
      back = after;
      before.close();
    },
    inject: (datagram) => {
      back.send(datagram, server, '127.0.0.1');
    },
    joinNext: (count) => {
      toJoin = count;
    },
    untilSent: async (count) => {
      while (sent < count) await once(front, 'sent');
    },
    close: () => {
      front.close();
      back.close();
    },
  };
}
