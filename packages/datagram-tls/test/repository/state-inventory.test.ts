// Every field of an association says whether it moves with the state; a field that does not fails here.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import ts from 'typescript';
import { LEFT_OUT, STATELESS } from '../support/state-fields.js';

const SRC = new URL('../../../src/', import.meta.url);

/** Fields that `restore` fills by another method. */
const READ_BY: Readonly<Record<string, string>> = {
  'KeptHandshake.#whole': '#wake',
  'ConnectionIds.#send': 'use',
  'ConnectionIds.#checksPaths': 'use',
  'Reassembler.#messages': 'add',
  'Timers.#first': 'set',
  'Epochs.#readers': 'installReader',
  'Epochs.#writers': 'installWriter',
};

/** Classes that no open association has, or whose fields are those of a call. */
const NOT_HELD: readonly string[] = [
  'Asleep',
  'Candidate',
  'Candidates',
  'Connection',
  'FlightPacker',
  'Packer',
  'ProtocolVersion',
  'ReceivedFlight',
];

/** States without a class: the function that writes one, and the fields that are written elsewhere. */
const STATES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  Established13: ['writeEstablished13', 'at', 'suite', 'read', 'write'],
  Resumption13: ['writeEstablished13', 'agreed'],
  Session: ['writeSession', 'version', 'finished'],
  Agreed: ['writeAgreed'],
};

interface Found {
  readonly fields: readonly string[];
  /** The texts of `save` and `restore`. */
  readonly save: string | undefined;
  readonly restore: string | undefined;
  readonly isMadeWhole: boolean;
}

const classes = new Map<string, Found>();
const interfaces = new Map<string, readonly string[]>();
const functions = new Map<string, string>();
/** Those of folders of which an association holds objects. */
const held = new Set<string>();
for (const folder of ['connection', 'record', 'handshake', 'keys'])
  for (const file of readdirSync(new URL(`${folder}/`, SRC), { encoding: 'utf8', recursive: true }))
    if (file.endsWith('.ts')) collect(readFileSync(new URL(`${folder}/${file}`, SRC), 'utf8'), folder);

function collect(text: string, folder: string): void {
  const source = ts.createSourceFile(folder, text, ts.ScriptTarget.Latest, true);
  source.forEachChild((node) => {
    if (ts.isInterfaceDeclaration(node))
      interfaces.set(
        node.name.text,
        node.members.map((member) => member.name?.getText() ?? ''),
      );
    if (ts.isFunctionDeclaration(node)) functions.set(node.name?.text ?? '', node.getText());
    if (!ts.isClassDeclaration(node) || node.name === undefined) return;
    classes.set(node.name.text, read(node));
    if (folder === 'connection' || folder === 'record') held.add(node.name.text);
  });
}

function read(node: ts.ClassDeclaration): Found {
  const fields: string[] = [];
  const methods = new Map<string, ts.MethodDeclaration>();
  for (const member of node.members) {
    if (ts.isPropertyDeclaration(member) && !isStatic(member)) fields.push(member.name.getText());
    if (ts.isMethodDeclaration(member)) methods.set(member.name.getText(), member);
  }
  const restore = methods.get('goOn') ?? methods.get('restore');
  // Those of `Machine`, which all have their own.
  const parts = node.members.find((each) => each.name?.getText() === 'savable')?.getText() ?? '';
  return {
    fields,
    save: methods.get('save')?.getText().concat(parts),
    restore: restore?.getText().concat(parts),
    isMadeWhole: restore !== undefined && isStatic(restore),
  };
}

function isStatic(member: ts.ClassElement): boolean {
  return (
    ts.canHaveModifiers(member) &&
    (ts.getModifiers(member) ?? []).some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword)
  );
}

/** The field by itself, or taken apart from `this`. */
function mentions(text: string, field: string): boolean {
  const name = field.replace('#', '');
  const whole = new RegExp(`this\\.${field}\\b|machine\\.${field}\\b`);
  const apart = [...text.matchAll(/\{([^{}]*)\} = this;/g)].some(([, names = '']) =>
    names.split(',').some((each) => each.trim().split(/[ :=]/)[0] === name),
  );
  return whole.test(text) || (!field.startsWith('#') && apart);
}

/** All but the façade, whose state is the machine's. */
const saved = [...classes].filter(
  ([name, { save }]) => save !== undefined && name !== 'Connection' && !Object.hasOwn(STATELESS, name),
);

suite('the state of an association', () => {
  test('is written by each of its parts', () => {
    const names = saved.map(([name]) => name);
    for (const part of [
      'Machine',
      'Association',
      'Epochs',
      'ReplayWindow',
      'FlightSender',
      'Delivery',
      'Path',
    ])
      assert.ok(names.includes(part), `${part} has no save`);
  });

  for (const [name, { fields, save = '', restore = '', isMadeWhole }] of saved)
    test(`${name} carries each field, or says why not`, () => {
      for (const field of fields) {
        const isOut = Object.hasOwn(LEFT_OUT, `${name}.${field}`);
        const isCarried = mentions(save, field);
        assert.equal(
          isCarried,
          !isOut,
          `${name}.${field}: write it in save, or list it here with the reason`,
        );
        if (isCarried && !isMadeWhole && restore !== '')
          assert.ok(
            Object.hasOwn(READ_BY, `${name}.${field}`) || mentions(restore, field),
            `${name}.${field} is written and not read`,
          );
      }
    });

  test('is that of all classes of associations and records', () => {
    const listed = [...saved.map(([name]) => name), ...Object.keys(STATELESS), ...NOT_HELD];
    assert.deepEqual(
      [...held].filter((name) => !listed.includes(name)),
      [],
    );
  });

  for (const [name, [writer, ...elsewhere]] of Object.entries(STATES))
    test(`${name} is written field by field`, () => {
      const fields = interfaces.get(name) ?? [];
      const text = functions.get(writer) ?? '';
      assert.ok(fields.length > 0 && text !== '', 'the table has another name');
      for (const field of fields)
        assert.equal(
          new RegExp(`\\b${field}\\b`).test(text),
          !elsewhere.includes(field),
          `${name}.${field}: write it in ${writer}, or list it here`,
        );
    });

  test('leaves out no field that does not exist', () => {
    const known = new Set(saved.flatMap(([name, { fields }]) => fields.map((field) => `${name}.${field}`)));
    assert.deepEqual(
      Object.keys(LEFT_OUT).filter((name) => !known.has(name)),
      [],
    );
  });

  for (const [name, fields] of Object.entries(STATELESS))
    test(`${name} has nothing that lasts`, () => {
      assert.deepEqual(classes.get(name)?.fields, fields);
    });
});
