import assert from 'node:assert/strict';

export const MINE = new Error('mine');

export function throwMine(): never {
  throw MINE;
}

/** The function that fails. */
interface Asked {
  /** Below `options.`. */
  readonly name: string;
  /** The code for an answer that makes no sense. */
  readonly nonsense?: string;
}

/** A way in which a function of the application that is asked something fails. */
export interface Fault {
  readonly name: string;
  readonly answer: () => unknown;
  readonly timeout?: number | undefined;
  /** What the session's `onerror` gets. */
  readonly heard: (error: unknown, asked: Asked) => void;
}

/** For callbacks that never answer, ms: enough for a handshake on a busy machine, and little to wait for. */
const TIMEOUT = 4000;

export const FAULTS: readonly Fault[] = [
  {
    name: 'throws',
    answer: () => {
      throw MINE;
    },
    heard: (error) => assert.equal(error, MINE),
  },
  {
    name: 'throws what is no Error',
    answer: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- applications do
      throw 'a text';
    },
    heard: (error) => {
      assert.equal((error as { code?: string }).code, 'ERR_DTLS_CALLBACK');
      assert.equal((error as Error).cause, 'a text');
    },
  },
  { name: 'rejects', answer: () => Promise.reject(MINE), heard: (error) => assert.equal(error, MINE) },
  {
    name: 'answers a number',
    answer: () => 42,
    heard: (error, question) => {
      const { code, message } = error as { code?: string; message: string };
      assert.equal(code, question.nonsense ?? 'ERR_INVALID_RETURN_VALUE');
      assert.match(message, new RegExp(`options\\.${question.name.replace('.', '\\.')}`));
    },
  },
  {
    name: 'answers a symbol, later',
    answer: () => Promise.resolve(Symbol('x')),
    heard: (error, question) =>
      assert.equal((error as { code?: string }).code, question.nonsense ?? 'ERR_INVALID_RETURN_VALUE'),
  },
  {
    name: 'never answers',
    timeout: TIMEOUT,
    answer: () => new Promise(() => undefined),
    heard: (error, question) => {
      const { code, reason, message } = error as { code?: string; reason?: string; message: string };
      assert.deepEqual([code, reason], ['ERR_DTLS_HANDSHAKE_TIMEOUT', 'CALLBACK']);
      assert.ok(message.includes(question.name), message);
    },
  },
];
