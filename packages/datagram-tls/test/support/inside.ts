import { Session } from 'node:inspector';

interface Remote {
  readonly name: string;
  readonly value?: {
    readonly value?: unknown;
    readonly objectId?: string;
    readonly unserializableValue?: string;
  };
}

const inspector = new Session();
inspector.connect();
/** Through which the inspector takes and gives objects. */
const exchange: { given: unknown; taken: unknown } = { given: undefined, taken: undefined };
Object.defineProperty(globalThis, '__exchange', { value: exchange });

/** The answer comes before `post` returns: the inspector is in this thread. */
function ask(method: string, params: object): Readonly<Record<string, unknown>> {
  let answer: Readonly<Record<string, unknown>> | undefined;
  inspector.post(method, params, (error, result) => {
    if (error === null) answer = result as Readonly<Record<string, unknown>>;
  });
  if (answer === undefined) throw new Error(`${method} has no answer`);
  return answer;
}

/** All fields of an object and their values, private ones with their #. */
export function fieldsOf(object: object): Map<string, unknown> {
  exchange.given = object;
  const { result } = ask('Runtime.evaluate', { expression: '__exchange.given', objectGroup: 'fields' });
  const { objectId } = result as { readonly objectId: string };
  const found = ask('Runtime.getProperties', { objectId, ownProperties: true });
  const fields = new Map<string, unknown>();
  for (const remote of [
    ...(found['result'] as readonly Remote[]),
    ...((found['privateProperties'] as readonly Remote[] | undefined) ?? []),
  ])
    if (remote.value !== undefined) fields.set(remote.name, localValue(remote.value));
  ask('Runtime.releaseObjectGroup', { objectGroup: 'fields' });
  return fields;
}

function localValue({ value, objectId, unserializableValue }: NonNullable<Remote['value']>): unknown {
  if (unserializableValue !== undefined)
    return unserializableValue.endsWith('n')
      ? BigInt(unserializableValue.slice(0, -1))
      : Number(unserializableValue);
  if (objectId === undefined) return value;
  ask('Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: 'function () { __exchange.taken = this; }',
  });
  return exchange.taken;
}
