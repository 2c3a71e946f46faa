/** Our server: `--cert FILE --key FILE --suite IANA_NAME`, an echo over the library with no cap on associations. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { listen } from 'datagram-tls';
import { serveControl } from './control.js';

const { values } = parseArgs({
  options: {
    cert: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
    suite: { type: 'string', default: '' },
  },
});

const endpoint = listen(
  (session) => {
    session.onmessage = (message) => {
      session.send(message);
    };
  },
  {
    host: '127.0.0.1',
    port: 0,
    cert: readFileSync(values.cert, 'utf8'),
    key: readFileSync(values.key, 'utf8'),
    ciphers: [values.suite],
    mtu: 1400,
    maxSessions: 0,
    maxSessionsPerHost: 0,
  },
);

serveControl(endpoint.address?.port ?? 0);
