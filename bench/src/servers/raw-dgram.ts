/**
 * The floor: an echo over node:dgram without any protocol. With `--sync-lookup` the socket resolves its IP literals
 * synchronously, which saves each send a call of `dns.lookup`.
 */
import { createSocket, type SocketOptions } from 'node:dgram';
import { parseArgs } from 'node:util';
import { serveControl } from './control.js';
import { onTraffic } from './traffic.js';

const synchronousLookup: NonNullable<SocketOptions['lookup']> = (host, _options, done) => done(null, host, 4);

const { values } = parseArgs({
  options: { 'sync-lookup': { type: 'boolean' }, traffic: { type: 'string', default: 'echo' } },
});

const socket = values['sync-lookup']
  ? createSocket({ type: 'udp4', lookup: synchronousLookup })
  : createSocket('udp4');

// As in the server of the library.
const { traffic } = values;
socket.on('message', (message, from) =>
  onTraffic(traffic, message, (answer) => socket.send(answer, from.port, from.address)),
);
socket.bind(0, '127.0.0.1', () => serveControl(socket.address().port));
