/**
 * The floor: an echo over node:dgram without any protocol. With `--sync-lookup` the socket resolves its IP literals
 * synchronously, which saves each send a call of `dns.lookup`.
 */
import { createSocket, type SocketOptions } from 'node:dgram';
import { serveControl } from './control.js';

const synchronousLookup: NonNullable<SocketOptions['lookup']> = (host, _options, done) => done(null, host, 4);

const socket = process.argv.includes('--sync-lookup')
  ? createSocket({ type: 'udp4', lookup: synchronousLookup })
  : createSocket('udp4');

socket.on('message', (message, from) => socket.send(message, from.port, from.address));
socket.bind(0, '127.0.0.1', () => serveControl(socket.address().port));
