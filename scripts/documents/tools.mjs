/** What the pages need to run: the packed packages, installed in an empty folder, and a certificate. */
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks, markdownFiles, root } from './markdown.mjs';

/** In `folder`, which is empty. Needs npm's registry, or its cache. */
export function prepare(folder) {
  const [installed, certificate, tarballs] = ['installed', 'certificate', 'tarballs'].map((name) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  });
  const packages = pack(tarballs);
  const env = {
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    npm_config_prefix: join(folder, 'global'),
    NODE_NO_WARNINGS: '1',
    NO_COLOR: '1',
  };
  const options = { cwd: installed, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] };
  const library = JSON.parse(readFileSync(join(root, 'packages/datagram-tls/package.json'), 'utf8'));
  // Examples of the API use the packages that the library works with.
  const peers = Object.keys(library.peerDependencies).filter((name) => !name.startsWith('@types/'));
  execFileSync('npm', ['install', '--ignore-scripts', ...Object.values(packages), ...peers], options);
  const quiet = { cwd: certificate, stdio: 'ignore' };
  execFileSync('bash', ['-c', certificateCommand()], quiet);
  const p12 = 'pkcs12 -export -in cert.pem -inkey key.pem -out server.p12 -passout pass:secret';
  execFileSync('openssl', p12.split(' '), quiet);
  return {
    installed,
    certificate,
    env,
    packed: (line) => withTarballs(line, packages),
    pins: pinsOf(new X509Certificate(readFileSync(join(certificate, 'cert.pem')))),
  };
}

function pack(folder) {
  const packages = {};
  for (const name of ['datagram-tls', 'datagram-tls-cli']) {
    const args = ['pack', '--json', '--pack-destination', folder, '--workspace', name];
    const output = execFileSync('npm', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename }] = Object.values(JSON.parse(output));
    packages[name] = join(folder, filename);
  }
  return packages;
}

/** `npm install datagram-tls` installs what this tree packs. */
function withTarballs(line, packages) {
  return line
    .split(' ')
    .map((word) => packages[word] ?? word)
    .join(' ');
}

/** The command of the README that makes a certificate for loopback; here it is for the names in the other pages, too. */
function certificateCommand() {
  const block = codeBlocks('README.md').find(({ text }) => text.includes('openssl req'));
  if (block === undefined) throw new Error('README.md has no block with `openssl req`');
  const pages = markdownFiles().map((path) => readFileSync(join(root, path), 'utf8'));
  const examples = pages.join('\n').match(/\b[a-z][\w.-]*\.example\b/g) ?? [];
  const names = [...new Set(['localhost', 'example.net', ...examples])].map((name) => `DNS:${name}`);
  const commands = block.text.split('\n').filter((line) => !line.startsWith('npm '));
  return commands.join('\n').replace('DNS:localhost', names.join());
}

/** The pins of the certificate, by the form that documents write pins in. */
function pinsOf({ raw, publicKey }) {
  const hash = (data) => createHash('sha256').update(data).digest('hex');
  return { sha256: hash(raw), 'spki-sha256': hash(publicKey.export({ type: 'spki', format: 'der' })) };
}
