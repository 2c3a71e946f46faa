/**
 * Keeps docs/options.md, the table of all options. Its rows are those of the library: the documentation comes from the
 * compiler, as an editor shows it, the rest from the built tables.
 *
 *   npm run docs:options     writes it anew (run `npm run build` first)
 *   npm run check:options    exits with 1 when it differs from the tree, or a default from what its documentation says
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { BEHAVIOUR_OPTIONS } from '../packages/datagram-tls/build/src/config/behaviour.js';
import { LIMIT_OPTIONS } from '../packages/datagram-tls/build/src/config/limits.js';
import { CONTEXT_OPTIONS, SECURITY_OPTIONS } from '../packages/datagram-tls/build/src/config/options.js';
import { DGRAM_OPTIONS } from '../packages/datagram-tls/build/src/dgram/options.js';
import {
  BIND_OPTIONS,
  CONNECT_OPTIONS,
  HOST_OPTIONS,
  LISTEN_OPTIONS,
  SESSION_OPTIONS,
  SHARED_OPTIONS,
  SOCKET_OPTIONS,
} from '../packages/datagram-tls/build/src/driver/options.js';
import { RENEWAL_OPTIONS } from '../packages/datagram-tls/build/src/driver/renewals.js';
import {
  CHECKPOINT_OPTIONS,
  EXPORT_OPTIONS,
  IMPORT_OPTIONS,
} from '../packages/datagram-tls/build/src/driver/sealed-state.js';
import {
  BALANCER_OPTIONS,
  SERVER_OPTIONS,
} from '../packages/datagram-tls/build/src/load-balancing/configuration.js';

const FILE = fileURLToPath(new URL('../docs/options.md', import.meta.url));
const ENTRIES = ['index', 'dgram', 'load-balancing'].map((name) =>
  fileURLToPath(new URL(`../packages/datagram-tls/build/src/${name}.d.ts`, import.meta.url)),
);

/** Whose properties are options: a secure context's are the most general. */
const GENERAL = ['SecureContextOptions', 'ListenOptions', 'ConnectOptions', 'DgramDtlsOptions'];

/** Title, text, table, and whose properties its rows are, where those are not the general ones. */
const SECTIONS = [
  [
    'Certificates, keys, trust and negotiation',
    'Of `connect`, `listen` and `createSecureContext`. Those *per name* may differ for each name of `sni`.',
    SECURITY_OPTIONS,
  ],
  ['Only of secure contexts', 'Of `createSecureContext`, and of the contexts of `sni`.', CONTEXT_OPTIONS],
  [
    'Sessions',
    'Of `connect`, `listen` and `DTLSEndpoint`; `endpoint.connect` takes\nthose of its endpoint unless they are given.',
    BEHAVIOUR_OPTIONS,
  ],
  ['Limits', 'Of `connect`, `listen` and `DTLSEndpoint`.', LIMIT_OPTIONS],
  [
    'The socket, or the transport',
    'Of `connect`, `listen` and `DTLSEndpoint`; `endpoint.connect` takes\n`trace` and `signal` for its session.',
    SOCKET_OPTIONS,
  ],
  ['Where to bind', 'Of `connect` and `DTLSEndpoint`.', BIND_OPTIONS],
  ['Host names', 'Of `connect`, `endpoint.connect` and `listen`.', HOST_OPTIONS],
  ['Only of `listen`', '', LISTEN_OPTIONS],
  ['Only of `connect` and `endpoint.connect`', '', CONNECT_OPTIONS],
  ['Of `connect`, `endpoint.connect` and `listen`', '', SHARED_OPTIONS],
  [
    'Sockets of `datagram-tls/dgram`',
    'Of `dtls` of `createSocket`, and of `dtlsModule`; beside them those under *Sessions* and *Limits*,\n`maxSendQueue` and `trace`.',
    DGRAM_OPTIONS,
  ],
  [
    'Of `session.export`',
    '[Sessions that move](how-to/move-sessions.md).',
    EXPORT_OPTIONS,
    ['ExportOptions'],
  ],
  ['Of `endpoint.import`', '', IMPORT_OPTIONS, ['ImportOptions']],
  ['Of `session.checkpoint`', '', CHECKPOINT_OPTIONS, ['CheckpointOptions']],
  [
    'Of `endpoint.renewConnectionIds`',
    '[Change the key](how-to/load-balancer.md#change-the-key).',
    RENEWAL_OPTIONS,
    ['RenewalOptions'],
  ],
  [
    'Of `loadBalancedConnectionIds`',
    '[Serve behind a load balancer](how-to/load-balancer.md): of `datagram-tls/load-balancing`, for the option\n`connectionId`.',
    SERVER_OPTIONS,
    ['LoadBalancedOptions'],
  ],
  [
    'Of `serverIdReader`',
    'Of `datagram-tls/load-balancing`: of one configuration, or of each in an array.',
    BALANCER_OPTIONS,
    ['BalancerOptions'],
  ],
];

const program = ts.createProgram(ENTRIES, {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
});
const checker = program.getTypeChecker();
const exported = publicTypes();
const mistakes = [];

const text = `# Options

<!-- Written by \`npm run docs:options\`; do not edit. The rows are in packages/datagram-tls/src. -->

An option that is not known, is of the other role, or has a wrong value is an error that names it,
before anything is bound or sent: \`ERR_INVALID_ARG_TYPE\`, \`ERR_INVALID_ARG_VALUE\`,
\`ERR_OUT_OF_RANGE\` or \`ERR_MISSING_ARGS\`. Options are read from own properties only, and
\`undefined\` counts as not given.

${SECTIONS.map((given) => section(...given)).join('\n')}`;

const shown = new Set(SECTIONS.flatMap(([, , table]) => Object.keys(table)));
for (const name of Object.keys(SESSION_OPTIONS))
  if (!shown.has(name)) mistakes.push(`${name}: its table has no section here`);

if (mistakes.length > 0) {
  console.error(mistakes.join('\n'));
  process.exitCode = 1;
} else if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error('docs/options.md is not that of the tree: run `npm run docs:options`.');
  process.exitCode = 1;
}

function section(title, about, table, types = GENERAL) {
  const properties = propertiesOf(types);
  const rows = Object.entries(table).flatMap(([name, row]) => lines(name, row, properties.get(name)));
  const head = '| option | values | default | of | |\n|---|---|---|---|---|\n';
  return `## ${title}\n\n${about === '' ? '' : `${about}\n\n`}${head}${rows.join('\n')}\n`;
}

/** The row of an option, and those of the options of an object that is its value. */
function lines(name, row, symbol) {
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
  const cells = [
    `\`${name}\``,
    row.unit === undefined ? row.values : `${row.values} ${row.unit}`,
    standard(name, row, symbol),
    name.includes('.') ? '' : owner(row),
    sentence(name, symbol, row),
  ];
  const parts = Object.entries(row.rows ?? {}).flatMap(([part, partRow]) => {
    const partSymbol = memberOf(type, part);
    return partSymbol === undefined ? [] : lines(`${name}.${part}`, partRow, partSymbol);
  });
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`, ...parts];
}

/** The property of `type`, of a part of a union, or of the items of an array. */
function memberOf(type, name) {
  const parts = type.isUnion() ? type.types : [type];
  for (const part of parts) {
    const of = checker.isArrayType(part) ? checker.getIndexTypeOfType(part, ts.IndexKind.Number) : part;
    const found = of.isUnion() ? memberOf(of, name) : of.getProperty(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function standard(name, row, symbol) {
  if (row.required && row.notWith === undefined) return '(required)';
  if (row.required) return `(required without \`${row.notWith.join('` and `')}\`)`;
  const tag = symbol.getJsDocTags(checker).find((candidate) => candidate.name === 'defaultValue');
  const said = tag === undefined ? undefined : ts.displayPartsToString(tag.text);
  if (row.default === undefined) return said ?? '';
  const value = row.default === '' ? "''" : String(row.default);
  if (said !== value)
    mistakes.push(`${name}: its default is ${value}, but its documentation says @defaultValue ${said}`);
  return `\`${value}\``;
}

function owner({ roles, perName, notWith }) {
  const who = roles.length > 1 ? 'both' : roles[0];
  if (notWith !== undefined) return `${who}, not with \`${notWith.join('`, `')}\``;
  return perName === undefined ? who : `${who}, per name`;
}

function sentence(name, symbol, { aliasOf }) {
  const said = ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/g, ' ').trim();
  if (said === '') mistakes.push(`${name}: no documentation reaches the public type`);
  if (aliasOf !== undefined && !said.includes(`\`${aliasOf}\``))
    mistakes.push(`${name}: does not name ${aliasOf}`);
  return said;
}

function publicTypes() {
  return new Map(
    ENTRIES.map((entry) => checker.getSymbolAtLocation(program.getSourceFile(entry)))
      .flatMap((module) => checker.getExportsOfModule(module))
      .map((symbol) => [symbol.name, symbol]),
  );
}

/** The options of these types by name, as users of the package see them: those of the first that has them. */
function propertiesOf(types) {
  const all = types.flatMap((name) =>
    checker.getDeclaredTypeOfSymbol(resolved(exported.get(name))).getProperties(),
  );
  return new Map(all.reverse().map((symbol) => [symbol.name, symbol]));
}

function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
