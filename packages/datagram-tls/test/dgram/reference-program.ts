import { createSocket } from '#lib/dgram.js';
import { HOST, PSK_CLIENT, PSK_SERVER } from './sockets.js';

/** Sends one message, or listens, and does nothing to end: `reference-program.js MODE PORT`. */
const [, , mode, port] = process.argv;
const socket = createSocket({ type: 'udp4', dtls: { client: PSK_CLIENT, server: PSK_SERVER } });
socket.unref();
if (mode === 'listen') {
  socket.on('listening', () => console.log('listening'));
  socket.bind(0, HOST);
} else {
  socket.on('message', (message) => {
    console.log(`answer: ${message.toString()}`);
    socket.unref();
  });
  socket.send('hello', Number(port), HOST, () => {
    console.log('sent');
    if (mode === 'ref in the callback') socket.ref();
  });
}
