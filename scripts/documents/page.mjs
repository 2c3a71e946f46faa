/** Runs the code blocks of one page, in its order, in a folder of the page. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { freePort } from '../ports.mjs';
import { fileNameOf, markOf } from './markdown.mjs';
import { Command, commandsOf, Expected } from './shell.mjs';

/** Ports of the documents, which are others here, because pages run side by side. */
const PORTS = ['9000', '9001', '9002', '5684', '2100', '10161', '10162', '6514', '9464'];
/** Not run: they are output, figures or data. */
const DATA = ['text', 'mermaid', 'json', 'yaml'];
const CODE = ['ts', 'js'];
const SHELL = ['sh', 'console'];

export class Page {
  results = [];
  #blocks;
  #folder;
  #tools;
  #swaps;
  #running = [];
  #captured = new Map();
  #lastOutput = '';

  /** `tools`: what `prepare` of tools.mjs made. */
  constructor(blocks, folder, tools) {
    this.#blocks = blocks;
    this.#folder = folder;
    this.#tools = tools;
  }

  async run() {
    mkdirSync(this.#folder, { recursive: true });
    this.#swaps = await freePorts();
    const text = this.#blocks.map((block) => block.text).join('\n');
    const isEmpty = text.includes('npm install datagram-tls');
    const { installed } = this.#tools;
    if (!text.includes('npm install'))
      symlinkSync(join(installed, 'node_modules'), join(this.#folder, 'node_modules'));
    else if (!isEmpty) copyFolder(installed, this.#folder);
    const makesOwn = isEmpty && text.includes('-keyout');
    if (!makesOwn) copyFolder(this.#tools.certificate, this.#folder);
    try {
      await this.#runAll();
    } finally {
      for (const command of this.#running) command.stop();
    }
    return this.results;
  }

  async #runAll() {
    for (let index = 0; index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index];
      const reason = markOf(block, 'skip') ?? this.#missing(block);
      if (reason !== undefined) {
        this.#told(block, 'skipped', reason);
        continue;
      }
      const problem = await this.#runBlock(block, index).catch((error) => String(error.stack));
      this.#told(block, problem === undefined ? 'passed' : 'failed', problem);
    }
  }

  #told(block, outcome, reason) {
    const { name, language } = block;
    const isRun = !DATA.includes(language) || markOf(block, 'output') !== undefined || outcome === 'failed';
    if (isRun) this.results.push({ name: `${name} ${language}`, outcome, reason });
  }

  #missing(block) {
    const needed = (markOf(block, 'needs') ?? '').split(/[ ,]+/).filter((name) => name !== '');
    if (needed.includes('capture') && onPath('tshark') && !canCapture())
      return 'packets cannot be captured here';
    const absent = needed.filter((name) => name !== 'capture' && !onPath(name));
    return absent.length === 0 ? undefined : `${absent.join(', ')} is not installed`;
  }

  /** What is wrong, or undefined. */
  async #runBlock(block, index) {
    if (SHELL.includes(block.language)) return this.#runCommands(block);
    if (CODE.includes(block.language)) return this.#runCode(block, index);
    const output = markOf(block, 'output');
    const lines = block.text.trimEnd().split('\n');
    if (output?.startsWith('of ')) return this.#watch(output.slice(3), lines);
    if (output !== undefined) return this.#compare(lines);
    if (DATA.includes(block.language)) return undefined;
    return `unknown language "${block.language}"; known are ${[...CODE, ...SHELL, ...DATA].join(', ')}`;
  }

  async #runCode(block, index) {
    const name = markOf(block, 'file') ?? fileNameOf(block);
    if (name !== undefined) {
      writeFileSync(join(this.#folder, name), this.#here(block.text));
      const isRun = this.#blocks.some(
        ({ language, text }) => SHELL.includes(language) && text.includes(name),
      );
      const isImported = this.#blocks.some(({ text }) => text.includes(`'./${name}'`));
      return isRun || isImported ? undefined : `no command of the page runs ${name}`;
    }
    if (markOf(this.#blocks[index + 1] ?? { marks: [] }, 'continues') !== undefined) return undefined;
    let text = block.text;
    for (let at = index; markOf(this.#blocks[at], 'continues') !== undefined; at -= 1)
      text = this.#blocks[at - 1].text + text;
    return this.#runFragment(block, text);
  }

  async #runFragment(block, text) {
    for (const part of block.parts ?? []) this.#save(`${part.export}.mjs`, part.text);
    const file = `block-${block.line}.mjs`;
    this.#save(file, text);
    copyFileSync(fileURLToPath(new URL('fragment.mjs', import.meta.url)), join(this.#folder, 'given.mjs'));
    // `connect('example.net', 9000)` verifies against the default store.
    const trusted = join(this.#tools.certificate, 'cert.pem');
    const command = this.#start(`node given.mjs ${file}`, { NODE_EXTRA_CA_CERTS: trusted });
    command.closeInput();
    const code = await command.end();
    this.#lastOutput = command.output;
    return code === 0 ? undefined : `ended with ${code}:\n${command.output}`;
  }

  /** Writes a fragment in JavaScript, with the hosts and pins of this run. */
  #save(file, given) {
    let text = given.replaceAll(/'(10\.0\.0|192\.0\.2)\.\d+'/g, "'127.0.0.1'");
    text = text.replaceAll(/'([\w-]+):[0-9a-f]{64}'/g, (_, kind) => `'${kind}:${this.#tools.pins[kind]}'`);
    const { outputText } = ts.transpileModule(this.#here(text), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(this.#folder, file), outputText);
  }

  async #runCommands(block) {
    const stopped = markOf(block, 'stops');
    if (stopped !== undefined) await this.#staying(this.#here(stopped)).interrupt();
    const typed = block.marks.filter((mark) => mark.startsWith('type ')).map((mark) => mark.slice(5));
    for (const { text, output } of commandsOf(block)) {
      const problem = await this.#runCommand(block, this.#here(text), output, typed);
      if (problem !== undefined) return `$ ${text}\n${problem}`;
    }
    return undefined;
  }

  async #runCommand(block, text, output, typed) {
    const command = this.#start(text);
    const expected = output.map((line) => this.#here(line));
    const stays = this.#blocks.some(({ marks }) =>
      marks.some((mark) => mark.startsWith('stays ') && text.startsWith(mark.slice(6))),
    );
    if (!stays) {
      for (const line of typed) command.type(line);
      command.closeInput();
      const code = await command.end();
      this.#lastOutput = command.output;
      const wanted = markOf(block, 'status') ?? '0';
      if (String(code) !== wanted) return `ended with ${code}, not ${wanted}:\n${command.output}`;
      return output.length === 0 ? undefined : this.#compare(expected);
    }
    this.#running.push(command);
    const pattern = new Expected(expected);
    return (await this.#showed(command, pattern)) ? undefined : differs(expected, command.output);
  }

  /** Waits until a command that stays has printed these lines, after those that the page showed before. */
  async #watch(start, lines) {
    const command = this.#staying(start);
    const expected = lines.map((line) => this.#here(line));
    const { shown } = command;
    if (await this.#showed(command, new Expected(expected))) return undefined;
    return differs(expected, command.output.slice(shown));
  }

  async #showed(command, pattern) {
    const { shown } = command;
    const isShown = (printed) => pattern.matches(printed.slice(shown), this.#captured);
    const done = await command.until(isShown);
    command.shown = command.output.length;
    return done;
  }

  #staying(start) {
    const command = this.#running.find(({ text }) => text.startsWith(start));
    if (command === undefined) throw new Error(`no command that stays begins with "${start}"`);
    return command;
  }

  #compare(lines) {
    const expected = lines.map((line) => this.#here(line));
    if (new Expected(expected).matches(this.#lastOutput, this.#captured)) return undefined;
    return differs(expected, this.#lastOutput);
  }

  #start(text, env = {}) {
    return new Command(text, {
      cwd: this.#folder,
      env: {
        ...process.env,
        ...this.#tools.env,
        ...env,
        PATH: [join(this.#folder, 'node_modules/.bin'), process.env.PATH].join(delimiter),
      },
    });
  }

  /** The text of the page with this run's ports and packages, and the words in full that the page shortens. */
  #here(text) {
    let here = text;
    for (const [short, word] of this.#captured) here = here.replaceAll(short, word);
    here = here.replaceAll(/(?<![\w.])\d+(?![\w.])/g, (number) => this.#swaps.get(number) ?? number);
    return here.replaceAll(/^npm (install|i) .*$/gm, (line) => this.#tools.packed(line));
  }
}

function differs(expected, output) {
  return `the page shows:\n${expected.join('\n')}\nand this was printed:\n${output}`;
}

function copyFolder(from, to) {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** Whether this user may capture on the loopback interface. */
function canCapture() {
  const { status, stdout } = spawnSync('tshark', ['-D'], { encoding: 'utf8' });
  return status === 0 && /\blo\b/.test(stdout);
}

async function freePorts() {
  const swaps = new Map();
  for (const port of PORTS) swaps.set(port, String(await freePort()));
  return swaps;
}
