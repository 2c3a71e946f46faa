import { createSocket, type Socket } from 'node:dgram';

/** Where a datagram goes. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A host at an address of its own, which sends what it has copied on the path, and counts the answers. */
export class Attacker {
  /** Bytes that it sent, and that came to it. */
  sent = 0;
  heard = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => {
      this.heard += bytes.length;
    });
    socket.on('error', () => undefined);
  }

  static async at(address: string): Promise<Attacker> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, address, resolve);
    });
    return new Attacker(socket);
  }

  send(bytes: Uint8Array, { host, port }: Target): void {
    this.sent += bytes.length;
    this.#socket.send(bytes, port, host);
  }

  close(): void {
    this.#socket.close();
  }
}
