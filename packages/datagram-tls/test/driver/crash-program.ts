/** An echo server whose sessions keep checkpoints in a file, until the test kills it. */
import { renameSync, writeFileSync } from 'node:fs';
import { type ListenOptions, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';

const [file = '', keyText = '', version = '', port = ''] = process.argv.slice(2);
const key = Buffer.from(keyText, 'hex');

const endpoint = listen(
  (session) => {
    session.onmessage = (data) => void session.send(data);
    void session.opened.then(async () => {
      const store = (state: Buffer): void => {
        writeFileSync(`${file}.new`, state);
        renameSync(`${file}.new`, file);
      };
      await session.checkpoint({ key, reserve: 16, store });
      console.log('kept');
    });
  },
  {
    host: '127.0.0.1',
    port: Number(port),
    ...SERVERS.p256,
    minVersion: version as ListenOptions['minVersion'],
    maxVersion: version as ListenOptions['maxVersion'],
  },
);
if (endpoint.address !== undefined) console.log('listening');
