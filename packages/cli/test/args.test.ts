import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort, parseBindAddress, parseCount, parseTarget } from '#lib/args.js';

for (const [text, host, port] of [
  ['127.0.0.1:9000', '127.0.0.1', 9000],
  ['[::1]:9000', '::1', 9000],
  ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1],
  ['localhost:65535', 'localhost', 65535],
  ['example.net:5684', 'example.net', 5684],
] as const) {
  test(`${text} is an address, and is written as it was read`, () => {
    assert.deepEqual(parseTarget(text), { host, port });
    assert.equal(formatHostPort(host, port), text);
  });
}

for (const [text, why] of [
  ['', /HOST:PORT is expected/],
  ['9000', /HOST:PORT is expected/],
  ['localhost', /HOST:PORT is expected/],
  [':9000', /HOST:PORT is expected/],
  ['a b:9000', /HOST:PORT is expected/],
  ['https://example.net:443', /brackets/],
  ['::1:9000', /brackets/],
  ['[localhost]:9000', /Only an IPv6 address/],
  ['[::1]', /brackets/],
  ['[::1]9000', /brackets/],
  ['localhost:', /from 1 to 65535/],
  ['localhost:0', /from 1 to 65535/],
  ['localhost:65536', /from 1 to 65535/],
  ['localhost:-1', /from 1 to 65535/],
  ['localhost:9e3', /from 1 to 65535/],
  ['localhost:http', /from 1 to 65535/],
] as const) {
  test(`a target '${text}' is refused with the reason`, () => {
    assert.throws(() => parseTarget(text), why);
  });
}

test('a server may bind to port 0', () => {
  assert.deepEqual(parseBindAddress('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
});

test('a count is a whole number without sign', () => {
  assert.equal(parseCount('1400'), 1400);
  for (const text of ['', '-1', '1.5', '1e3', '0x10', '12345678901']) assert.throws(() => parseCount(text));
});
