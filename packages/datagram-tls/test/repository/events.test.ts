import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { CHANNELS } from '#lib/driver/channels.js';

const PACKAGE = new URL('../../../', import.meta.url);
const PAGE = readFileSync(new URL('../../docs/events.md', PACKAGE), 'utf8');
const source = (path: string): string => readFileSync(new URL(`src/${path}`, PACKAGE), 'utf8');

/** What the page says in backquotes. */
const named = new Set([...PAGE.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name));

function missing(names: Iterable<string>): string[] {
  return [...names].filter((name) => !named.has(name));
}

/** Names in a type or an interface of the sources. */
function namesIn(path: string, pattern: RegExp): string[] {
  const body = pattern.exec(source(path))?.[1];
  const found = [...(body ?? '').matchAll(/'(\w+)'|readonly (\w+):/g)].map(
    ([, text, key]) => text ?? key ?? '',
  );
  assert.ok(found.length > 0, `${path} has no ${pattern.source}`);
  return found;
}

suite('the page about events', () => {
  test('names every handler of sessions and endpoints', () => {
    for (const file of ['session', 'endpoint']) {
      const handlers = [...source(`driver/${file}.ts`).matchAll(/get (on\w+)\(/g)].map(
        ([, name = '']) => name,
      );
      assert.ok(handlers.length > 1);
      assert.deepEqual(missing(handlers), []);
    }
  });

  test('names every channel, and no other', () => {
    const names = Object.values(CHANNELS).map(({ name }) => String(name));
    assert.deepEqual(missing(names), []);
    const told = [...named].filter((name) => name?.startsWith('datagram-tls.'));
    assert.deepEqual(told.sort(), names.sort());
  });

  test('explains every reason for which something is discarded', () => {
    const type = /type (?:DropReason|RefusalReason) =([\s\S]+?);\n/;
    const reasons = [
      ...namesIn('record/header.ts', type),
      ...namesIn('connection/events.ts', type),
      ...namesIn('endpoint/places.ts', type),
      ...namesIn('driver/stats.ts', /type EndpointDropReason =([\s\S]+?);\n/),
      ...namesIn('driver/stats.ts', /interface OwnDrops \{([^}]+)\}/),
      ...namesIn('driver/send-queue.ts', /type SendKind =([^;]+);/).map((kind) => `send_queue_${kind}`),
    ];
    assert.deepEqual(missing(reasons), []);
  });

  test('names nothing that the sources do not have', () => {
    const all = readdirSync(new URL('src', PACKAGE), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map(source)
      .join('\n');
    const tables = PAGE.slice(PAGE.indexOf('## What is discarded'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const reasons = tables.flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    );
    assert.ok(reasons.length > 40);
    const known = (name: string): boolean =>
      name.startsWith('send_queue_') || new RegExp(`'${name}'|readonly ${name}:`).test(all);
    assert.deepEqual(
      reasons.filter((name) => !known(name)),
      [],
    );
  });
});
