import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keylogLine } from '#lib/keys/keylog.js';

suite('the key log', () => {
  test('a key log line is label, client random and secret in hexadecimal', () => {
    const line = keylogLine('CLIENT_TRAFFIC_SECRET_0', Uint8Array.of(0, 0xab), Uint8Array.of(0x12, 0xff));
    assert.equal(line, 'CLIENT_TRAFFIC_SECRET_0 00ab 12ff');
  });
});
