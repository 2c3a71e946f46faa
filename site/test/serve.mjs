/** Serves a folder of static files on loopback, as any web server does. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Resolves with the address of the server and a function that ends it. */
export async function serve(folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = fileOf(folder, pathname);
    if (file === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, {
          'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
          // As of any web server that serves files named by their content: a page does not load them anew.
          'cache-control': pathname.startsWith('/assets/') ? 'max-age=3600, immutable' : 'no-cache',
        })
        .end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The file of an address, or undefined where there is none. */
export function fileOf(folder, pathname) {
  const path = normalize(decodeURIComponent(pathname));
  const tries = path.endsWith('/') ? [`${path}index.html`] : [path, `${path}.html`];
  return tries.map((name) => join(folder, name)).find((name) => existsSync(name) && statSync(name).isFile());
}
