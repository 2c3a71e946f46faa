import { brief, invalidArgValue } from '../base/errors.js';
import { didYouMean } from '../base/nearest.js';
import { checkObject, checkUsable } from './checks.js';
import type { Role, Security } from './config.js';

/**
 * An option is one row of a table: its documentation, its values, its default, its unit and the roles that may give it. Types,
 * checks, defaults and docs/options.md come from the row. CONTRIBUTING.md says how to add one.
 */

/** The values that an option takes. */
export interface Kind<T> {
  /** Throws the caller's mistake under `name`, such as `options.mtu`, with the codes of Node's own validators. */
  readonly check: (value: unknown, name: string) => asserts value is T;
  /** What docs/options.md says of them, such as `256 to 65535`. */
  readonly values: string;
  /** The rows of an option that is an object. */
  readonly rows?: OptionTable;
}

/** A row. `D` is the type of its default, and `never` where a value is required; `R` is the role that may give it. */
export interface Option<T, D = undefined, R extends Role = Role> extends Kind<T> {
  /** The value where none is given. */
  readonly default: D;
  readonly required: boolean;
  readonly roles: readonly R[];
  readonly unit?: 'bits' | 'bytes' | 'ms' | 'records' | 's' | 'sessions';
  /** The option may differ for each name of `sni`: the fields of a secure context that a name then has of its own. */
  readonly perName?: readonly string[];
  /** The option is another name of this one. */
  readonly aliasOf?: string;
  /** The other role checks the option and ignores it: both roles may be given the same object. */
  readonly ignoredBy?: Role;
  /** The option has no meaning with one of these: both together are refused, and then it is not required. */
  readonly notWith?: readonly string[];
  /** Values beside `undefined` that count as not given, as in Node. */
  readonly absent?: readonly (null | '')[];
}

/** What a row says beside its kind. A default that depends on other options is described by `@defaultValue` alone. */
interface Details<D, R extends Role>
  extends Pick<Option<unknown>, 'unit' | 'aliasOf' | 'ignoredBy' | 'notWith' | 'absent'> {
  readonly default?: D;
  /** The role that alone may give the option. */
  readonly only?: R;
  readonly perName?: readonly (keyof Security)[];
}

export type OptionTable = Readonly<Record<string, Option<unknown, unknown>>>;

const BOTH: readonly Role[] = ['client', 'server'];

export function option<T, const D extends T | undefined = undefined, const R extends Role = Role>(
  kind: Kind<T>,
  details: Details<D, R> = {},
): Option<T, D, R> {
  return { ...row(kind, details), default: details.default as D, required: false };
}

/** An option that has to be given. */
export function required<T, const R extends Role = Role>(
  kind: Kind<T>,
  details: Details<never, R> = {},
): Option<T, never, R> {
  return { ...row(kind, details), default: undefined as never, required: true };
}

function row<T, D, R extends Role>(kind: Kind<T>, { only, ...details }: Details<D, R>) {
  return { ...kind, ...details, roles: (only === undefined ? BOTH : [only]) as readonly R[] };
}

type Row = Option<unknown, unknown>;
type ValueOf<O> = O extends Option<infer T, unknown> ? T : never;
type DefaultOf<O> = O extends Option<unknown, infer D> ? D : never;
type RolesOf<O> = O extends Option<unknown, unknown, infer R> ? R : never;

type RequiredIn<Table> = {
  [K in keyof Table]: [DefaultOf<Table[K]>] extends [never] ? K : never;
}[keyof Table];

/** The names of the options that `R` may give. */
type GivenBy<Table, R> = { [K in keyof Table]: [R] extends [RolesOf<Table[K]>] ? K : never }[keyof Table];

type ValueIn<Table, K extends keyof Table, Instead> = K extends keyof Instead
  ? Instead[K]
  : ValueOf<Table[K]>;
type Optional<Table, Instead> = { [K in keyof Table]?: ValueIn<Table, K, Instead> | undefined };
type Needed<Table, Instead> = { [K in keyof Table]: ValueIn<Table, K, Instead> };

/**
 * The object of options that a table describes, as role `R` may give it; without `R`: as either may. `Instead` has
 * narrower types of some of their values.
 */
export type OptionsOf<Table, R extends Role = never, Instead = unknown> = Optional<
  Pick<Table, Exclude<GivenBy<Table, R>, RequiredIn<Table>>>,
  Instead
> &
  Needed<Pick<Table, GivenBy<Table, R> & RequiredIn<Table>>, Instead>;

/** The same with every default filled in. */
export type Filled<Table> = {
  readonly [K in keyof Table]: ValueOf<Table[K]> | Extract<DefaultOf<Table[K]>, undefined>;
};

interface Reading {
  /** The caller's name of the object. */
  readonly name?: string;
  /** Options of the other role are refused. */
  readonly role?: Role;
  /** Options that are known, but not here. */
  readonly elsewhere?: OptionTable;
  /** What an error says of them. */
  readonly elsewhereIs?: string;
}

/**
 * The own properties of `given` that are not undefined, checked: names first, then values, in the order of the table.
 * Getters are called once.
 */
export function readOptions<T extends object>(given: T, table: OptionTable, reading: Reading = {}): T {
  const options = readNames(given, table, reading);
  checkValues(options, table, reading);
  return options;
}

/**
 * The same with names alone checked, for callers that check values with {@link checkValues}, in an order of theirs. Every
 * object of options that callers give is read by this function.
 */
export function readNames<T extends object>(given: T, table: OptionTable, reading: Reading = {}): T {
  checkObject(given, reading.name ?? 'options');
  const options = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    checkName(key, table, reading);
    if (table[key]?.absent?.includes(value as null | '') !== true) options[key] = value;
  }
  return options as T;
}

/** Checks those of `options` that have a row in `table`, in its order, and that required ones are there. */
export function checkValues(options: object, table: OptionTable, reading: Reading = {}): void {
  const { name = 'options' } = reading;
  const given = options as Readonly<Record<string, unknown>>;
  for (const [key, row] of shapeOf(table).rows) {
    if (given[key] !== undefined) {
      checkValue(row, given[key], `${name}.${key}`);
      checkBeside(key, row, given, reading);
    } else if (row.required && isNeeded(row, given, reading)) checkValue(row, undefined, `${name}.${key}`);
  }
}

/** The same for the options of these names, in the order of the names. */
export function checkNamed(options: object, table: OptionTable, names: readonly string[]): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of names) {
    const row = table[name];
    if (row !== undefined && given[name] !== undefined) checkValue(row, given[name], `options.${name}`);
  }
}

function isNeeded(
  { notWith, roles }: Row,
  options: Readonly<Record<string, unknown>>,
  { role }: Reading,
): boolean {
  const isReplaced = notWith?.some((other) => options[other] !== undefined) === true;
  return !isReplaced && (role === undefined || roles.includes(role));
}

function checkValue(row: Row, value: unknown, name: string): void {
  checkUsable(value, name);
  row.check(value, name);
}

/** The common data of a table's options. */
interface Shape {
  readonly rows: readonly (readonly [name: string, row: Row])[];
  readonly defaults: Readonly<Record<string, unknown>>;
}

const shapes = new WeakMap<OptionTable, Shape>();

function shapeOf(table: OptionTable): Shape {
  const known = shapes.get(table);
  if (known !== undefined) return known;
  const rows = Object.entries(table);
  const shape = {
    rows,
    defaults: Object.fromEntries(rows.map(([name, row]) => [name, row.default])),
  };
  shapes.set(table, shape);
  return shape;
}

function checkName(key: string, table: OptionTable, reading: Reading): void {
  const {
    name = 'options',
    role,
    elsewhere,
    elsewhereIs = 'is an option of connect and listen, and not known here',
  } = reading;
  const row = Object.hasOwn(table, key) ? table[key] : undefined;
  if (row !== undefined) {
    if (role === undefined || row.roles.includes(role) || row.ignoredBy === role) return;
    const [owner = role] = row.roles;
    const reason = `is an option of ${owner}s: it is only meaningful for a ${owner} context`;
    throw invalidArgValue(`${name}.${key}`, reason);
  }
  if (elsewhere !== undefined && Object.hasOwn(elsewhere, key))
    throw invalidArgValue(`${name}.${key}`, elsewhereIs);
  const known = Object.keys(table).filter(
    (known) => role === undefined || table[known]?.roles.includes(role) === true,
  );
  const hint = didYouMean(key, known, `${name}.`);
  throw invalidArgValue(`${name}.${brief(key)}`, `is not a known option${hint}`);
}

function checkBeside(
  key: string,
  { notWith, ignoredBy }: Row,
  options: Readonly<Record<string, unknown>>,
  { name = 'options', role }: Reading,
): void {
  if (notWith === undefined || (role !== undefined && role === ignoredBy)) return;
  const other = notWith.find((one) => options[one] !== undefined);
  if (other !== undefined)
    throw invalidArgValue(`${name}.${key}`, `is of no use with ${name}.${other}. Leave out one of them`);
}

/** The result of {@link readOptions}, and the defaults of what it leaves out. */
export function withDefaults<Table extends OptionTable>(
  options: OptionsOf<Table>,
  table: Table,
): Filled<Table> {
  return { ...shapeOf(table).defaults, ...options } as Filled<Table>;
}

/** The options of `table` that `from` holds. */
export function pickOptions<Table extends OptionTable>(from: object, table: Table): OptionsOf<Table> {
  const own = Object.entries(from).filter(([name]) => Object.hasOwn(table, name));
  return Object.fromEntries(own) as OptionsOf<Table>;
}
