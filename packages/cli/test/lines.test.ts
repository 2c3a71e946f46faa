import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Line, splitLines } from '#lib/lines.js';

async function split(chunks: string[], limit = 100): Promise<Line[]> {
  const lines: Line[] = [];
  const source = (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  })();
  for await (const line of splitLines(source, limit)) lines.push(line);
  return lines;
}

function texts(lines: Line[]): (string | undefined)[] {
  return lines.map(({ bytes }) => (bytes === undefined ? undefined : Buffer.from(bytes).toString()));
}

test('a line keeps its newline, and the last one may lack it', async () => {
  assert.deepEqual(texts(await split(['one\ntw', 'o\n\nthree'])), ['one\n', 'two\n', '\n', 'three']);
});

test('input without bytes has no lines', async () => {
  assert.deepEqual(await split(['', '']), []);
});

test('lines are the same however the input was cut', async () => {
  const chunk = fc.string({ unit: fc.constantFrom('a', '\n', 'ü') });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk), async (chunks) => {
      assert.deepEqual(await split(chunks), await split([chunks.join('')]));
      assert.equal(texts(await split(chunks)).join(''), chunks.join(''));
    }),
  );
});

test('a line longer than the limit is counted and dropped, and the next one is whole', async () => {
  assert.deepEqual(
    (await split(['12', '345\n1234\n', '123', '45'], 5)).map(({ number, length, bytes }) => [
      number,
      length,
      bytes?.length,
    ]),
    [
      [1, 6, undefined],
      [2, 5, 5],
      [3, 5, 5],
    ],
  );
});

test('a line comes before the input ends', async () => {
  const source = (async function* () {
    yield Buffer.from('first\nsec');
    throw new Error('more input was asked for');
  })();
  const first = await splitLines(source, 100).next();
  assert.equal(first.done === true ? undefined : first.value.length, 6);
});
