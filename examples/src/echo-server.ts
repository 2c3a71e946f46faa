import { readFileSync } from 'node:fs';
import { listen } from 'datagram-tls';

const [port = '9000', cert = 'cert.pem', key = 'key.pem'] = process.argv.slice(2);
const options = { host: '127.0.0.1', port: Number(port), cert: readFileSync(cert), key: readFileSync(key) };
const endpoint = listen((session) => {
  session.onmessage = (data) => {
    if (data.length <= (session.maxMessageSize ?? 0)) session.send(data);
  };
  session.onerror = (error) => console.error(error.message);
}, options);
console.log('listening on port', endpoint.address?.port);
