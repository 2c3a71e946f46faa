// Sends three datagrams to a port, the last one while the process ends, and ends before the turn does.
import { PLAIN } from '#lib/driver/native-datagrams.js';
import { Udp } from '#lib/driver/udp.js';

const ignored = (): void => undefined;
const to = { address: '127.0.0.1', family: 'IPv4', port: Number(process.argv[2]) } as const;
const channel = new Udp('127.0.0.1', 0, { ...PLAIN, maxSendQueue: 0, batches: true });
channel.open({
  onBound: ignored,
  onDatagram: ignored,
  onBatchEnd: ignored,
  onUnreachable: ignored,
  onError: ignored,
  onClosed: ignored,
});
for (const number of [0, 1]) channel.send(Uint8Array.of(number, 0, 0, 0), to);
process.once('exit', () => channel.send(Uint8Array.of(2, 0, 0, 0), to));
process.exit();
