import { createRequire } from 'node:module';
import { Argument, Command, CommanderError } from 'commander';
import { type HostPort, parseBindAddress, parseTarget } from './args.js';
import { explain } from './errors.js';
import type { Role } from './flags/flag.js';
import { addFlags } from './flags.js';
import { readSettings, type Settings } from './settings.js';
import { ownTerminal, say, type Terminal } from './terminal.js';

const MISUSE = 2;

const EXAMPLES = `
Examples:
  dtls server 127.0.0.1:9000                        echo server with an ephemeral certificate
  dtls client 127.0.0.1:9000 --pin sha256:…         talk to it: the server prints this command
  dtls server [::1]:9000 --cert chain.pem --key key.pem
  echo hello | dtls client example.net:9000 -v      verified against the system's CAs

Exit status: 0 after an orderly end; 1 when the network, the handshake or a message failed;
2 for a wrong command line or an unusable file.`;

interface CommandSpec {
  readonly role: Role;
  readonly summary: string;
  readonly parse: (text: string) => HostPort;
  readonly run: (address: HostPort, settings: Settings) => Promise<number>;
}

/** The library is loaded only when it is needed: help and usage errors come at once. */
const COMMANDS: readonly CommandSpec[] = [
  {
    role: 'server',
    summary: 'answer each message with "Echo: " before it',
    parse: parseBindAddress,
    run: async (address, settings) => (await import('./server.js')).runServer(address, settings),
  },
  {
    role: 'client',
    summary: 'send each line of standard input as a datagram and print what comes back',
    parse: parseTarget,
    run: async (address, settings) => (await import('./client.js')).runClient(address, settings),
  },
];

/** Runs the command line `args`, without the program's name, and resolves with the exit status. */
export async function main(args: readonly string[], terminal = ownTerminal()): Promise<number> {
  // A closed reader, such as `head`, must not end us with a stack trace.
  terminal.stdout.on('error', () => undefined);
  terminal.stderr.on('error', () => undefined);
  let exitCode = 0;
  const program = newProgram(terminal);
  for (const spec of COMMANDS) {
    addCommand(program, spec, terminal, (status) => {
      exitCode = status;
    });
  }
  try {
    // An action of the program would take unknown commands for its arguments.
    if (args.length === 1 && args[0] === '--list') {
      (await import('./list.js')).list(terminal);
      return 0;
    }
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSE;
    const { line, details, exitCode: status } = explain(error);
    for (const text of [line, ...details]) say(terminal, text);
    return status;
  }
}

function newProgram(terminal: Terminal): Command {
  return new Command('dtls')
    .description('DTLS echo server and client for the terminal')
    .version(version(), '--version', 'print the version')
    .option('--list', 'list what this runtime can negotiate, and what native code does')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('Usage: dtls server|client [options] HOST:PORT   (dtls --help tells more)')
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text) => say(terminal, mistake(text)),
    })
    .exitOverride();
}

/** One line about a mistake, in fewer words than commander's. */
function mistake(text: string): string {
  return text
    .replace(/^error: /, '')
    .replace(/^command-argument value ('.*') is invalid for argument '.*?'/, '$1 is invalid')
    .trimEnd();
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  terminal: Terminal,
  onExit: (status: number) => void,
): void {
  const { role, summary, parse, run } = spec;
  const command = program
    .command(role)
    .description(summary)
    .addArgument(
      new Argument('<HOST:PORT>', 'such as 127.0.0.1:9000, [::1]:9000 or localhost:9000').argParser(parse),
    )
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError(`Usage: dtls ${role} [options] HOST:PORT   (dtls ${role} --help lists the options)`);
  addFlags(command, role).action(async (address: HostPort, values: Record<string, unknown>) => {
    try {
      const fromEnvironment = command.getOptionValueSource('keylog') === 'env';
      const settings = readSettings(role, values, fromEnvironment ? 'SSLKEYLOGFILE' : '--keylog', terminal);
      onExit(await run(address, settings));
    } catch (error) {
      const { line, usage } = explain(error);
      if (usage) command.error(line);
      throw error;
    }
  });
}

function version(): string {
  const manifest: unknown = createRequire(import.meta.url)('#package.json');
  return String((manifest as { version: unknown }).version);
}
