/** Runs the commands of a page, and compares what they print with what the page shows. */
import { spawn } from 'node:child_process';

const TIME_LIMIT_MS = 30_000;
/** What tshark tells root each time. */
const REMARK = /^Running as user "root".*\n/gm;

/** An `sh` block is one script; a `console` block has commands, and shows the output of each after it. */
export function commandsOf(block) {
  const lines = block.text.replace(/\n$/, '').split('\n');
  if (block.language === 'sh') return [{ text: lines.join('\n'), output: [] }];
  const commands = [];
  for (const line of lines) {
    const last = commands.at(-1);
    const prompted = /^\$ (.*)$/.exec(line);
    if (prompted !== null) commands.push({ text: prompted[1], output: [] });
    else if (continues(last)) last.text += `\n${line.replace(/^> /, '')}`;
    else last.output.push(line);
  }
  return commands;
}

function continues({ text, output }) {
  return output.length === 0 && text.endsWith('\\');
}

/** A command in the folder `cwd`. Its group of processes ends with `stop`. */
export class Command {
  output = '';
  /** How much of the output the page has shown. */
  shown = 0;
  #child;
  #changed = () => {};

  constructor(text, { cwd, env }) {
    this.text = text;
    this.#child = spawn('bash', ['-ec', text], { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (data) => {
        this.output += data;
        this.#changed();
      });
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => {
      this.output += String(error);
    });
    this.ended = new Promise((resolve) => this.#child.on('close', (code, signal) => resolve(code ?? signal)));
    this.ended.then((code) => {
      this.code = code;
      this.#changed();
    });
  }

  closeInput() {
    this.#child.stdin.end();
  }

  type(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Whether `isDone(output)` becomes true before the command ends or its time is over. */
  async until(isDone) {
    const timer = setTimeout(() => this.stop(), TIME_LIMIT_MS);
    while (!isDone(this.output) && this.code === undefined)
      await new Promise((resolve) => (this.#changed = resolve));
    clearTimeout(timer);
    return isDone(this.output);
  }

  async end() {
    const timer = setTimeout(() => this.stop(), TIME_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
    return this.code;
  }

  /** As Ctrl-C does. */
  async interrupt() {
    process.kill(-this.#child.pid, 'SIGINT');
    return this.end();
  }

  stop() {
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

/**
 * What the page shows and what was printed. `…` stands for the rest of a word, with the digits around it, or for any
 * lines when it is a line by itself. Words that were shortened so are kept in `captured` under their short form.
 */
export class Expected {
  #words = [];
  #pattern;

  constructor(lines) {
    const pattern = lines
      .map((line) => (/^\s*…$/.test(line) ? '(?:.*\n)*?' : `${this.#line(line)} *\n`))
      .join('');
    this.#pattern = new RegExp(`^${pattern}$`);
  }

  #line(line) {
    return line
      .trimEnd()
      .split(/(\S*…\S*)/)
      .map((part) => (part.includes('…') ? `(${this.#word(part)})` : escaped(part)))
      .join('');
  }

  #word(word) {
    this.#words.push(word);
    return word
      .split(/[0-9a-f]*…[0-9a-f]*/)
      .map(escaped)
      .join('.+?');
  }

  matches(output, captured) {
    const found = this.#pattern.exec(
      output.replaceAll('\r', '').replaceAll(REMARK, '').replace(/\n*$/, '\n'),
    );
    if (found === null) return false;
    this.#words.forEach((word, index) => {
      if (/\w…\w/.test(word)) captured.set(word, found[index + 1]);
    });
    return true;
  }
}

function escaped(text) {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
