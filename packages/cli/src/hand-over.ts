import { type DTLSEndpoint, type DTLSSession, describeState } from 'datagram-tls';
import { formatHostPort } from './args.js';
import { codeOf, explain, reason } from './errors.js';
import type { Report } from './report.js';
import type { Settings } from './settings.js';
import { checkStateFile, MAX_BYTES, sizeOf, takeStates, writeStates } from './state-file.js';
import { ownStateKey, readStateKey } from './state-key.js';

/** Where a server leaves its sessions to the next one. */
interface StateStore {
  readonly file: string;
  readonly key: Buffer;
}

/** Sessions that are named one by one when they cannot go on. */
const MAX_NAMED = 20;

/** The store of the command line, if there is one. Throws a `FileError` for files that cannot be used. */
export function openStateStore({ stateFile: file, stateKeyFile }: Settings): StateStore | undefined {
  if (file === undefined) return undefined;
  checkStateFile(file);
  const key = stateKeyFile === undefined ? ownStateKey(`${file}.key`) : readStateKey(stateKeyFile);
  return { file, key };
}

/**
 * Ends the open sessions here without a word to their peers, and leaves them to the next server. Others stay. `false` when the file
 * cannot be written: then all stay.
 */
export function keepSessions(endpoint: DTLSEndpoint, { file, key }: StateStore, report: Report): boolean {
  const states = exportSessions(endpoint, key, report);
  if (states.size === 0) return true;
  try {
    writeStates(file, addressOf(endpoint), [...states.values()]);
  } catch (error) {
    for (const state of states.values()) endpoint.import(state, { key });
    report.say(`${explain(error).line}; the sessions are closed`);
    return false;
  }
  for (const session of states.keys()) report.handedOver(session);
  report.say(`kept ${sessions(states.size)} in ${file}`);
  return true;
}

function exportSessions(endpoint: DTLSEndpoint, key: Buffer, report: Report): Map<DTLSSession, Buffer> {
  const states = new Map<DTLSSession, Buffer>();
  let room = MAX_BYTES;
  for (const session of [...endpoint.sessions]) {
    const state = exported(session, key);
    if (state === undefined) continue;
    room -= sizeOf(state);
    if (room < 0) {
      endpoint.import(state, { key });
      report.say(`a state file holds at most ${MAX_BYTES} bytes: the other sessions are closed`);
      break;
    }
    states.set(session, state);
  }
  return states;
}

/** `undefined` for a session that is not open: it handshakes, or closes. */
function exported(session: DTLSSession, key: Buffer): Buffer | undefined {
  try {
    return session.export({ key });
  } catch (error) {
    if (codeOf(error) === 'ERR_INVALID_STATE') return undefined;
    throw error;
  }
}

/** Goes on with the sessions of the server before. What cannot be used is reported, and ends nothing. */
export function goOn(
  endpoint: DTLSEndpoint,
  { file, key }: StateStore,
  report: Report,
  serve: (session: DTLSSession) => void,
): void {
  try {
    const taken = takeStates(file);
    if (taken === undefined) return;
    if (taken.damage !== undefined) report.say(`--state: '${file}' is damaged: ${taken.damage}`);
    const [served, serves] = [taken.served, addressOf(endpoint)];
    if (served !== undefined && served !== serves)
      report.say(
        `--state: the sessions of '${file}' were served on ${served}, and this server is on ${serves}`,
      );
    const refused: string[] = [];
    for (const [index, state] of taken.states.entries()) {
      try {
        serve(endpoint.import(state, { key }));
      } catch (error) {
        refused.push(`${nameOf(state, index, key)} cannot go on: ${reason(error)}`);
      }
    }
    for (const line of refused.slice(0, MAX_NAMED)) report.say(line);
    if (refused.length > MAX_NAMED) report.say(`${sessions(refused.length - MAX_NAMED)} more cannot go on`);
    report.say(`went on with ${sessions(taken.states.length - refused.length)} of ${file}`);
  } catch (error) {
    report.say(explain(error).line);
  }
}

/** Where it is bound. */
function addressOf({ address: bound }: DTLSEndpoint): string {
  return bound === undefined ? '' : formatHostPort(bound.address, bound.port);
}

/** The peer's address, where the state can be read. */
function nameOf(state: Buffer, index: number, key: Buffer): string {
  try {
    const { address, port } = describeState(state, { key }).remoteAddress;
    return `session with ${formatHostPort(address, port)}`;
  } catch {
    return `session ${index + 1}`;
  }
}

function sessions(n: number): string {
  return `${n} session${n === 1 ? '' : 's'}`;
}
