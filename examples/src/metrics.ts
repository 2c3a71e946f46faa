/**
 * A server whose numbers Prometheus can scrape, and a client that looks at them:
 *
 *   node examples/dist/metrics.js CERT KEY CA
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, listen } from 'datagram-tls';
import { prometheusMetrics } from 'datagram-tls/metrics';
import client from 'prom-client';

const [cert = '', key = '', ca = ''] = process.argv.slice(2).map((path) => readFileSync(path, 'utf8'));

const server = listen(
  (session) => {
    session.onmessage = (data) => session.send(data);
  },
  { host: '127.0.0.1', port: 0, cert, key },
);
prometheusMetrics(client).add(server, 'echo');

const http = createServer((request, response) => {
  if (request.url !== '/metrics') response.writeHead(404).end();
  else
    void client.register.metrics().then((text) => {
      response.writeHead(200, { 'content-type': client.register.contentType }).end(text);
    });
});
http.listen(0, '127.0.0.1', () => void run());

async function run(): Promise<void> {
  const session = connect('127.0.0.1', server.address?.port ?? 0, { ca, servername: 'localhost' });
  await session.opened;
  session.send('hello');
  for await (const message of session) {
    console.log(`echo of ${message.length} bytes`);
    break;
  }
  await session.closed;
  const { port } = http.address() as AddressInfo;
  const page = await fetch(`http://127.0.0.1:${port}/metrics`);
  for (const line of (await page.text()).split('\n'))
    if (/^dtls_(sessions|handshakes)/.test(line)) console.log(line);
  http.close();
  http.closeAllConnections();
  await server.close();
}
