// Issue "Connections that survive", d: whoever adds a field to an association says whether it moves with it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import ts from 'typescript';

const SRC = new URL('../../../src/', import.meta.url);

/** Fields of classes that are saved, which the class's own `save` leaves out. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'Machine.#receive': 'STATELESS',
  'Machine.#suspicion': 'STATELESS',
  'Machine.#outbound': 'STATELESS',
  'Machine.service': 'of the process that goes on',
  'Machine.registry': 'of the process that goes on',
  'Machine.#contact': 'the path of an open session was validated once',
  'Machine.#from': 'within a datagram',
  'Machine.#size': 'within a datagram',
  'Machine.#migration': 'a check of the path begins anew',
  'Machine.#destination': 'of the last datagram',
  'Machine.#watch': 'a peer is asked anew whether it is there',
  'Association.role': 'encodeState',
  'Association.provider': 'of the process that goes on',
  'Association.behaviour': 'of the process that goes on',
  'Association.versions': 'of the process that goes on',
  'Association.epochs': 'KeyChanges.save',
  'Association.life': 'Machine.save',
  'Association.jobs': 'STATELESS',
  'Association.memory': 'counts what the reassembly restores',
  'Association.earlyBytes': 'before the handshake is done',
  'Association.plainWriter': 'one of the epochs',
  'Association.lastPlainRecord': 'for alerts in epoch 0',
  'Association.earlyWriter': 'before the handshake is done',
  'Association.reservation': 'of this process',
  'Association.#events': 'polled by save',
  'Association.#withheld': 'the path of an open session was validated once',
  'Association.cids': 'Machine.save',
  'ConnectionIds.#policy': 'of the process that goes on',
  'ConnectionIds.#provider': 'of the process that goes on',
  'ConnectionIds.#registry': 'of the process that goes on',
  'ConnectionIds.#matched': 'within a datagram',
  'ConnectionIds.#expected': 'from the other fields',
  'ConnectionIds.#agreed': 'the session is open',
  'PathSize.#cidLength': 'from the connection IDs',
  'Timers.#over': 'the session is open',
  'Path.address': 'encodeState',
  'Path.moved': 'from validated',
  'Handshake.#association': 'the whole',
  'Handshake.#host': 'the whole',
  'Handshake.#keys': 'Machine.save',
  'Handshake.#early': 'Machine.save',
  'Handshake.#incoming': 'for traces',
  'Handshake.#newKeys': 'within a datagram',
  'Handshake.#messages': 'within a datagram',
  'Handshake.#isAnswered': 'the session is open',
  'Handshake.#passes': 'before the handshake is done',
  'Handshake.#hasPassed': 'before the handshake is done',
  'Handshake.#renewed': 'within a datagram',
  'FlightSender.#association': 'the whole',
  'FlightSender.#building': 'within a datagram',
  'FlightSender.#receiving': 'within a datagram',
  'FlightSender.#spent': 'within a datagram',
  'FlightSender.#asked': 'within a datagram',
  'FlightSender.#advanced': 'within a datagram',
  'FlightSender.#probe': 'before the handshake is done',
  'Backoff.#roundTrip': 'measured anew',
  'Backoff.#limits': 'of the process that goes on',
  'Delivery.#now': 'within a transmission',
  'Delivery.#places': 'from the flight',
  'HandshakeReceiver.#association': 'the whole',
  'HandshakeReceiver.#host': 'the whole',
  'HandshakeReceiver.#runner': 'Handshake.save',
  'HandshakeReceiver.#flights': 'Handshake.save',
  'HandshakeReceiver.#nextRefusal': 'a pause of a quarter of a second',
  'HandshakeReceiver.#plainNumbers': 'of epoch 0, in which a duplicate does no harm any more',
  'HandshakeReceiver.#displaced': 'within a datagram',
  'Reassembler.#held': 'counted by add',
  'Reassembler.#fragments': 'an order, made by add',
  'Reassembler.#limits': 'constant',
  'Reassembler.#memory': 'of the process that goes on',
  'Reassembler.#onDiscard': 'the whole',
  'Acks.#association': 'the whole',
  'ReceivedData.#association': 'the whole',
  'ReceivedData.#early': 'before the handshake is done',
  'ReceivedData.#earlyBytes': 'before the handshake is done',
  'EarlyData.#association': 'the whole',
  'EarlyData.#waiting': 'before the handshake is done',
  'EarlyData.#sent': 'before the handshake is done',
  'EarlyData.#datagrams': 'before the handshake is done',
  'Transmit.#epochs': 'Machine.save',
  'Transmit.#flights': 'polled by save',
  'Transmit.#queue': 'polled by save',
  'Runner.#versions': 'of the process that goes on',
  'Context.behaviour': 'of the process that goes on',
  'Context.destination': 'encodeFixed',
  'Context.provider': 'of the process that goes on',
  'Context.transcript': 'before the handshake is done',
  'Context.early': 'before the handshake is done',
  'Context.#security': 'of the process that goes on',
  'Context.#adopted': 'before the handshake is done',
  'Context.#actions': 'within a step',
  'Context.#cids': 'Machine.save',
  'Context.#connectionId': 'before the handshake is done',
  'Stage.version': 'of the suite',
  'Stage.#table': 'of the version',
  'CountingReader.epoch': 'Epochs.save',
  'CountingReader.secret': 'Epochs.save',
  'CountingReader.expectsCid': 'from the connection IDs',
  'CountingReader.#limits': 'of the suite',
  'CountingReader.upTo': 'of this process',
  'PeerIdentity.authorized': 'from the other fields',
  'Exporter12.version': 'of the suite',
  'Exporter13.version': 'of the suite',
};

/** Classes without `save` that an association holds, and all their fields: nothing in them lasts. */
const STATELESS: Readonly<Record<string, readonly string[]>> = {
  Receive: ['#association', '#sink', '#held', '#heldBytes', '#forgeries', '#elsewhere'],
  Suspicion: ['#error', '#forgeries'],
  PeerWatch: ['#association', '#inbound', '#host', '#askedAt', '#goneAt'],
  SentData: ['#association'],
  Jobs: ['#next', '#open'],
  Contents: ['#association', '#host', '#handshake', '#keys', '#inbound', '#suspicion', '#early'],
  NumberedWriter: ['epoch', 'sequence', 'reserved', 'secret', '#limits'],
  PlainReader: ['epoch', 'unified', 'expectsCid', 'worn', 'secret', 'newest', 'after', 'upTo'],
  PlainWriter: ['epoch', 'overhead', 'secret', 'reserved', '#sequence', '#version'],
  RecordWriter12: ['overhead', '#explicit', '#aead', '#iv', '#cid'],
  CbcWriter12: ['overhead', '#crypto', '#cipher', '#mac', '#cid'],
  RecordWriter13: ['overhead', '#aead', '#mask', '#iv', '#cid', '#header'],
  RecordReader12: ['unified', 'worn', '#explicit', '#aead', '#iv'],
  CbcReader12: ['unified', 'worn', '#crypto', '#cipher', '#mac'],
  RecordReader13: ['unified', '#aead', '#mask', '#iv'],
};

/** Fields that `restore` fills by another method. */
const READ_BY: Readonly<Record<string, string>> = {
  'Machine.#context': 'constructor',
  'ConnectionIds.#send': 'use',
  'ConnectionIds.#checksPaths': 'use',
  'Reassembler.#messages': 'add',
  'Timers.#due': 'set',
  'Epochs.#readers': 'installReader',
  'Epochs.#writers': 'installWriter',
};

interface Found {
  readonly fields: readonly string[];
  /** The texts of `save` and `restore`. */
  readonly save: string | undefined;
  readonly restore: string | undefined;
  readonly isMadeWhole: boolean;
}

const classes = new Map<string, Found>();
for (const folder of ['connection', 'record', 'handshake', 'keys'])
  for (const file of readdirSync(new URL(`${folder}/`, SRC), { encoding: 'utf8', recursive: true }))
    if (file.endsWith('.ts')) collect(readFileSync(new URL(`${folder}/${file}`, SRC), 'utf8'), file);

function collect(text: string, file: string): void {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  source.forEachChild((node) => {
    if (ts.isClassDeclaration(node) && node.name !== undefined) classes.set(node.name.text, read(node));
  });
}

function read(node: ts.ClassDeclaration): Found {
  const fields: string[] = [];
  const methods = new Map<string, ts.MethodDeclaration>();
  for (const member of node.members) {
    if (ts.isPropertyDeclaration(member) && !isStatic(member)) fields.push(member.name.getText());
    if (ts.isMethodDeclaration(member)) methods.set(member.name.getText(), member);
  }
  const restore = methods.get('#restore') ?? methods.get('restore');
  // Those of `Machine`, which all have their own.
  const parts = node.members.find((each) => each.name?.getText() === '#parts')?.getText() ?? '';
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
