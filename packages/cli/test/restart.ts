import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Running, type Server, startProcess } from './running.js';

/** A file for the sessions of a server, in a folder that goes with the test. */
export function stateFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state');
}

/** The server after `server`, at its address, listening. */
export async function successor(t: TestContext, server: Server, args: readonly string[]): Promise<Running> {
  const next = startProcess(t, ['server', server.address, ...args]);
  await next.shows('stderr', /listening on /);
  return next;
}
