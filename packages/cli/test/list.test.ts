import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DTLSEndpoint, getSupported } from 'datagram-tls';
import { assertRefused, dtls } from './running.js';

test('--list prints what can be negotiated and what native code does, one name a line', async () => {
  const { code, stdout } = await dtls(['--list']);
  assert.equal(code, 0);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => /^(\S+) +(\S.*)$/.exec(line)?.slice(1) ?? assert.fail(line));
  const named = (kind: string) => rows.filter(([name]) => name === kind).map(([, value]) => value);
  const { versions, ciphers, groups, sigalgs } = getSupported();
  const { reason, datagrams, ...names } = new DTLSEndpoint().acceleration;
  assert.deepEqual(named('version'), versions);
  assert.deepEqual(named('cipher'), ciphers);
  assert.deepEqual(named('group'), groups);
  assert.deepEqual(named('sigalg'), sigalgs);
  const computed = Object.values(names).flat();
  const native = reason === undefined ? computed : [`none: ${reason}`];
  assert.deepEqual(named('native'), [...native, ...datagrams]);
});

test('--list takes no command beside it', async () => {
  assertRefused(await dtls(['--list', 'nothing']), 2, /unknown command 'nothing'/, true);
});
