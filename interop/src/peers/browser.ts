import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type LaunchOptions, type Page, type Browser as Puppet } from 'puppeteer-core';
import { versionOf } from '../process.js';
import { networkAddress } from '../run/network.js';
import type { Probe, Program } from './peer.js';

interface Settings {
  readonly name: string;
  /** The first of these that is installed is run. */
  readonly commands: readonly string[];
  /** The alert with which it refuses a certificate whose fingerprint its description does not have. */
  readonly refusal: string;
  /** Whether it sends to loopback addresses; it does to any other address of its namespace. */
  readonly loopback: boolean;
  readonly launch: LaunchOptions;
}

/** A browser without a window. Cases that run at once share it, each with a page of its own. */
export class Browser implements Program {
  readonly name: string;
  readonly refusal: string;
  readonly #settings: Settings;
  #running: Promise<Puppet> | undefined;
  #pages = 0;

  constructor(settings: Settings) {
    this.name = settings.name;
    this.refusal = settings.refusal;
    this.#settings = settings;
  }

  /** Where a peer on this machine can be reached. */
  get address(): string {
    return this.#settings.loopback ? '127.0.0.1' : (networkAddress() ?? '127.0.0.1');
  }

  async probe(): Promise<Probe> {
    const path = this.#path();
    const { name, commands } = this.#settings;
    if (path === undefined) return { missing: `${commands.join(' or ')} is not installed` };
    // Without an address of a network a browser sends no datagram, not even to loopback.
    if (networkAddress() === undefined) return { missing: `${name} needs a network namespace: root, and ip` };
    const version = await versionOf(path, ['--version']);
    return version === undefined ? { missing: `${path} does not run` } : { version };
  }

  /**
   * Runs `action` in an empty page. All pages are closed with the browser, after the last action: Firefox fails to open
   * a page beside one that is closing.
   */
  async inPage<T>(action: (page: Page) => Promise<T>): Promise<T> {
    this.#pages++;
    try {
      return await action(await this.#open());
    } finally {
      if (--this.#pages === 0) await this.#close();
    }
  }

  async #open(): Promise<Page> {
    this.#running ??= this.#launch();
    return await (await this.#running).newPage();
  }

  async #launch(): Promise<Puppet> {
    const executablePath = this.#path();
    if (executablePath === undefined) throw new Error(`${this.name} is not installed`);
    return await puppeteer.launch({ ...this.#settings.launch, executablePath, headless: true });
  }

  async #close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await (await running)?.close();
  }

  #path(): string | undefined {
    const folders = (process.env['PATH'] ?? '').split(delimiter);
    const { commands } = this.#settings;
    return commands.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  }
}

/** With its own defaults: DTLS 1.3, and X25519MLKEM768 before X25519. */
export const chromium = new Browser({
  name: 'chromium',
  commands: ['chromium', 'chromium-browser', 'google-chrome'],
  refusal: 'certificate_unknown',
  loopback: true,
  // The sandbox refuses root, which CI often is.
  launch: { args: ['--no-sandbox', '--disable-background-networking'] },
});

export const firefox = new Browser({
  name: 'firefox',
  commands: ['firefox-esr', 'firefox'],
  refusal: 'bad_certificate',
  loopback: false,
  launch: { browser: 'firefox' },
});

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
