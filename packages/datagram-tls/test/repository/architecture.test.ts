import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { breaches, type Tree } from './architecture/rules.js';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));

suite('the layers of the library', () => {
  test('the source tree keeps every rule', () => {
    const tree = sourceTree();
    assert.ok(tree.has('wire/cursor.ts'), `no sources below ${SRC}`);
    assert.deepEqual(breaches(tree), []);
  });
});

const broken: readonly { rule: string; files: Record<string, string>; expected: readonly RegExp[] }[] = [
  {
    rule: 'an import of a higher rank',
    files: { 'wire/a.ts': "import { b } from '../record/b.js';", 'record/b.ts': 'export const b = 1;' },
    expected: [/^wire\/a\.ts:1 imports record\/b\.ts, which is not of a lower rank$/],
  },
  {
    rule: 'an import of the same rank in another folder',
    files: { 'keys/a.ts': "import { b } from '../record/b.js';", 'record/b.ts': 'export const b = 1;' },
    expected: [/^keys\/a\.ts:1 imports record\/b\.ts/],
  },
  {
    rule: 'a type-only import of a higher rank',
    files: { 'wire/a.ts': "import type { B } from '../config/b.js';", 'config/b.ts': 'export type B = 1;' },
    expected: [/^wire\/a\.ts:1 imports config\/b\.ts/],
  },
  {
    rule: 'an import() type of a higher rank',
    files: { 'wire/a.ts': "let b: import('../config/b.js').B;", 'config/b.ts': 'export type B = 1;' },
    expected: [/^wire\/a\.ts:1 imports config\/b\.ts/],
  },
  {
    rule: 'a dynamic import of a higher rank',
    files: { 'wire/a.ts': "\nawait import('../driver/b.js');", 'driver/b.ts': '' },
    expected: [/^wire\/a\.ts:2 imports driver\/b\.ts/],
  },
  {
    rule: 'a dynamic import that only run time decides',
    files: { 'wire/a.ts': "const b = './b.js'; await import(b);" },
    expected: [/^wire\/a\.ts:1 imports what only run time decides$/],
  },
  {
    rule: 'an import of a face from below',
    files: { 'driver/a.ts': "import '../index.js';", 'index.ts': '' },
    expected: [/^driver\/a\.ts:1 imports index\.ts/],
  },
  {
    rule: 'an import of a file that is not there',
    files: { 'wire/a.ts': "import './gone.js';" },
    expected: [/^wire\/a\.ts:1 imports \.\/gone\.js, which is no file/],
  },
  {
    rule: 'a file outside the rank table',
    files: { 'utils/a.ts': '', 'helpers.ts': '' },
    expected: [/^utils\/a\.ts:1 is in no folder/, /^helpers\.ts:1 is in no folder/],
  },
  {
    rule: 'v12 and v13 importing each other',
    files: {
      'handshake/v12/a.ts': "import '../v13/c.js';",
      'handshake/v12/b.ts': '',
      'handshake/v13/c.ts': '',
      'handshake/v13/d.ts': "import '../v12/b.js';",
    },
    expected: [
      /handshake\/v12\/ never imports handshake\/v13\/$/,
      /handshake\/v13\/ never imports handshake\/v12\/$/,
    ],
  },
  {
    rule: 'handshake importing record, though it ranks lower',
    files: { 'handshake/a.ts': "import '../record/b.js';", 'record/b.ts': '' },
    expected: [/^handshake\/a\.ts:1 imports record\/b\.ts: handshake\/ never imports record\/$/],
  },
  {
    rule: 'a cycle within a folder, even of types only',
    files: {
      'wire/a.ts': "import type { B } from './b.js';",
      'wire/b.ts': "import './c.js'; export type B = 1;",
      'wire/c.ts': "import './a.js';",
    },
    expected: [/^cycle wire\/a\.ts -> wire\/b\.ts -> wire\/c\.ts -> wire\/a\.ts$/],
  },
  {
    rule: 'a module of Node in the core',
    files: {
      'wire/a.ts': "import type { Socket } from 'node:dgram';",
      'crypto/suites.ts': "import { hkdfSync } from 'node:crypto';",
      'crypto/node-ciphers.ts': "import { createHmac } from 'node:crypto';",
      'driver/udp.ts': "import dgram from 'node:dgram';",
    },
    expected: [/^wire\/a\.ts:1 imports node:dgram/, /^crypto\/suites\.ts:1 imports node:crypto/],
  },
  {
    rule: 'clocks, timers, randomness and Buffer in the core',
    files: {
      'connection/a.ts': 'const now = Date.now() - performance.now();\nsetTimeout(f, 1);\nMath.random();',
      'connection/b.ts':
        'const { random } = Math;\nconst x = Math["random"]();\nlet b: Buffer;\nprocess.exit();',
      'connection/c.ts': 'crypto.getRandomValues(x);\nglobalThis["Date"];',
    },
    expected: [
      /^connection\/a\.ts:1 uses Date$/,
      /^connection\/a\.ts:1 uses performance$/,
      /^connection\/a\.ts:2 uses setTimeout$/,
      /^connection\/a\.ts:3 uses Math\.random$/,
      /^connection\/b\.ts:1 uses Math\.random$/,
      /^connection\/b\.ts:2 uses Math\.random$/,
      /^connection\/b\.ts:3 uses Buffer$/,
      /^connection\/b\.ts:4 uses process$/,
      /^connection\/c\.ts:1 uses getRandomValues$/,
      /^connection\/c\.ts:2 uses globalThis$/,
    ],
  },
  {
    rule: 'a barrel below the faces, in both spellings',
    files: {
      'wire/a.ts': 'export const a = 1;',
      'wire/b.ts': "export * from './a.js';",
      'wire/c.ts': "import { a } from './a.js';\nexport { a };",
      'index.ts': "export { a } from './wire/a.js';",
    },
    expected: [/^wire\/b\.ts:1 re-exports/, /^wire\/c\.ts:1 re-exports/],
  },
];

const comparisons = {
  'connection/a.ts': "const late = session.version === 'DTLSv1.3';",
  'connection/b.ts': "switch (version) { case 'DTLSv1.2': f(); }",
  'endpoint/a.ts': 'if (runner.version === dtls13) f();',
  'config/a.ts': 'if (FACTS_12.name !== security.versions[0].name) f();',
  'policy/a.ts': "if (versions.includes('DTLSv1.3')) f();",
  'driver/a.ts': 'if (versionNamed(versions, FACTS_13.name)) f();',
};

suite('the check itself reports', () => {
  test('a comparison of versions outside negotiation, by name, by code or by identity', () => {
    const found = breaches(new Map(Object.entries(comparisons)));
    assert.deepEqual(
      found,
      Object.keys(comparisons).map((file) => `${file}:1 compares versions`),
    );
  });

  test('comparisons of versions in negotiation, and mere mentions of versions, are allowed', () => {
    const text = `if (code !== FACTS_13.code) f('DTLSv1.3');
      const defaults = { minVersion: 'DTLSv1.2', late: version === undefined };`;
    assert.deepEqual(breaches(new Map([['handshake/client.ts', text]])), []);
    const mention = "const defaults = { minVersion: 'DTLSv1.2', late: version === undefined };";
    assert.deepEqual(breaches(new Map([['config/a.ts', mention]])), []);
  });

  for (const { rule, files, expected } of broken) {
    test(`the check reports ${rule}`, () => {
      const found = breaches(new Map(Object.entries(files)));
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [i, pattern] of expected.entries()) assert.match(found[i] ?? '', pattern);
    });
  }

  test('the check reports nothing where comments, strings and members only look forbidden', () => {
    const text = `// Date, Buffer and Math.random() are not used here.
      import { floor } from './floor.js';
      /** setTimeout */
      const note = 'process.exit() and Buffer';
      export const clock = { Date: 1, performance: Math.floor(2.5), note };
      export const late = clock.Date + clock.performance + floor;`;
    const tree = new Map([
      ['wire/a.ts', text],
      ['wire/floor.ts', 'export const floor = 1;'],
      ['index.ts', "import './wire/a.js';\nimport { x } from '@peculiar/asn1-x509';"],
    ]);
    assert.deepEqual(breaches(tree), []);
  });
});

function sourceTree(): Tree {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  return new Map(files.map((path) => [path.split(sep).join('/'), readFileSync(join(SRC, path), 'utf8')]));
}
