import { readFileSync } from 'node:fs';
import { connect } from 'datagram-tls';

const [port = '9000', ca = 'cert.pem'] = process.argv.slice(2);
const session = connect('127.0.0.1', Number(port), { ca: readFileSync(ca) });
session.onmessage = (data) => {
  console.log(data.toString());
  void session.close();
};
await session.opened;
session.send('hello over DTLS');
await session.closed;
