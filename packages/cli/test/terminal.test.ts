import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { say } from '#lib/terminal.js';

test('a line holds nothing with which a peer clears the terminal, ends the line or turns the rest of it around', () => {
  const stderr = new PassThrough({ encoding: 'utf8' });
  const name = 'CN=\u001b[2J\u009b31m\r\nline\u0085\u2028two\u202e\u2066\u200f\u00ad';
  say({ stderr }, `${name}, NOT verified`);
  assert.equal(stderr.read(), 'dtls: CN= [2J 31m line two , NOT verified\n');
});

test('a line keeps the letters of any script', () => {
  const stderr = new PassThrough({ encoding: 'utf8' });
  say({ stderr }, 'CN=Zürich, 東京, محمد, 😀');
  assert.equal(stderr.read(), 'dtls: CN=Zürich, 東京, محمد, 😀\n');
});
