/**
 * What npm makes of the packed packages on several platforms: in an empty folder, without a compiler, and from a registry on this
 * machine that has nothing but them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foreignNode } from '../native/foreign.mjs';
import { hostTarget, targets } from '../native/targets.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 120_000;
const NATIVE = 'datagram-tls-native-';

/** An echo, and why native code had no part in it. */
const PROGRAM = `import { connect, listen } from 'datagram-tls';

const psk = { identity: 'sensor', key: new Uint8Array(16) };
const endpoint = listen((session) => (session.onmessage = (data) => session.send(data)), {
  host: '127.0.0.1',
  port: 0,
  psk: { sensor: psk.key },
});
const { port } = await endpoint.opened;
const session = connect('127.0.0.1', port, { psk });
await session.opened;
const again = setInterval(() => session.send('hello'), 500);
const data = await new Promise((resolve) => {
  session.onmessage = resolve;
  session.send('hello');
});
clearInterval(again);
const echo = new TextDecoder().decode(data);
console.log(JSON.stringify({ echo, reason: endpoint.acceleration.reason }));
await session.close();
await endpoint.close();
`;

/** `packed`: what `packAll` of pack.mjs returns. */
export async function runInstalls({ folder, packed, tally }) {
  console.log('\nnpm install of the packed packages');
  const registry = await serve([packed.library, packed.command, ...packed.native]);
  try {
    for (const one of casesOf(packed)) await runCase({ ...one, folder, registry, tally });
  } finally {
    registry.close();
  }
}

/** `names`: what is installed. `reason`: why Node goes on without native code. */
function casesOf({ native }) {
  const built = native.map(({ folder }) => basename(folder));
  const has = (target) => target !== undefined && built.includes(NATIVE + target.name);
  const withLoader = ['datagram-tls', 'datagram-tls-native'];
  const found = [
    {
      what: 'without optional packages',
      args: ['--omit=optional'],
      names: ['datagram-tls'],
      reason: /not installed/,
    },
    {
      what: 'a platform without a binary',
      args: ['--os=linux', '--cpu=riscv64'],
      names: withLoader,
      reason: /no binary/,
    },
  ];
  if (has(hostTarget))
    found.unshift({ what: 'this platform', args: [], names: [...withLoader, NATIVE + hostTarget.name] });
  const musl = targets.find(({ name }) => name === 'linux-x64-musl');
  if (has(musl) && musl !== hostTarget) {
    const muslNode = foreignNode(musl, join(root, '.cache/foreign'));
    found.push({
      what: 'Linux with musl',
      args: ['--os=linux', '--cpu=x64', '--libc=musl'],
      names: [...withLoader, NATIVE + musl.name],
      ...(muslNode.missing === undefined ? { node: muslNode.command } : { reason: /./ }),
    });
  }
  return found;
}

async function runCase({ what, args, names, reason, node = process.execPath, folder, registry, tally }) {
  const place = join(folder, `npm install, ${what}`);
  const empty = join(place, 'no programs');
  mkdirSync(empty, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(place, 'program.js'), PROGRAM);
  const env = {
    PATH: empty,
    npm_config_registry: registry.url,
    npm_config_cache: join(place, 'cache'),
    npm_config_userconfig: join(place, '.npmrc'),
    npm_config_update_notifier: 'false',
  };
  const install = [npmProgram(), 'install', '--no-audit', '--no-fund', ...args, 'datagram-tls'];
  const { status, said } = await run(process.execPath, install, place, env);
  if (status !== 0) return tally.check(`${what}: npm install`, false, said);
  const installed = readdirSync(join(place, 'node_modules')).filter((name) => !name.startsWith('.'));
  tally.check(
    `${what}: npm installs ${names.join(', ')}`,
    installed.sort().join() === names.join(),
    installed,
  );
  const { said: printed } = await run(node, ['program.js'], place, { PATH: empty });
  const seen = lastObject(printed);
  const fits = reason === undefined ? seen?.reason === undefined : reason.test(seen?.reason ?? '');
  const how = reason === undefined ? 'with native code' : 'without native code, and says why';
  tally.check(`${what}: an echo ${how}`, seen?.echo === 'hello' && fits, printed);
}

function lastObject(text) {
  try {
    return JSON.parse(text.trim().split('\n').at(-1));
  } catch {
    return undefined;
  }
}

/** npm's program of JavaScript: it is started without a PATH. */
function npmProgram() {
  for (const folder of process.env.PATH.split(delimiter)) {
    try {
      return realpathSync(join(folder, 'npm'));
    } catch {
      // The next folder.
    }
  }
  throw new Error('npm is not on the PATH');
}

/** The registry runs in this process meanwhile. */
async function run(program, args, cwd, env) {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let said = '';
  for (const stream of [child.stderr, child.stdout]) stream.on('data', (text) => (said += text));
  const [status] = await once(child, 'close');
  return { status, said };
}

/** `{ url, close }`: a registry of these tarballs. npm also asks it for optional peers, which it goes on without. */
async function serve(packed) {
  const files = new Map();
  const server = createServer(({ url }, answer) => {
    const found = files.get(decodeURIComponent(url));
    answer.writeHead(found === undefined ? 404 : 200).end(found);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const { path } of packed) {
    const tarball = readFileSync(path);
    const manifest = JSON.parse(spawnSync('tar', ['-xOf', path, 'package/package.json']).stdout);
    const { name, version } = manifest;
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${url}${basename(path)}`, integrity };
    const versions = { [version]: { ...manifest, dist } };
    files.set(`/${basename(path)}`, tarball);
    files.set(`/${name}`, JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  }
  return { url, close: () => server.close() };
}
