/**
 * Keeps docs/errors.md, the table of all codes of errors. Its rows are the comments of base/error-codes.ts.
 *
 *   npm run docs:errors     writes it anew
 *   npm run check:errors    exits with 1 when it differs from the tree, or a code lacks its meaning or advice
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const FILE = fileURLToPath(new URL('../docs/errors.md', import.meta.url));
const SOURCE = fileURLToPath(new URL('../packages/datagram-tls/src/base/error-codes.ts', import.meta.url));

const mistakes = [];
const rows = readRows();

const text = `# Errors

<!-- Written by \`npm run docs:errors\`; do not edit. The rows are in src/base/error-codes.ts. -->

Every error that this library throws, rejects with, or gives to \`onerror\` has a \`code\`, which is
stable. The message is for people: it says what happened, at which side, and what to try. Both names
and messages are as Node's: \`error.name\` is \`Error\`, \`TypeError\` or \`RangeError\`, and messages have
the phrases of OpenSSL that programs for \`node:dtls\` look for.
[Sessions](how-to/sessions.md#errors) says how errors arrive, and what becomes of those of your
callbacks.

## Failures of the protocol

They are a \`DTLSError\`: \`onerror\` gets them, and \`opened\` is rejected with them. \`reason\` is the
verdict for programs. "The alert" is the name of the alert that was sent or received, such as
\`handshake_failure\`, and also in \`error.alert\`.

${table('protocol', true)}
## Mistakes of the caller

They are thrown at once, before anything changes. What a callback answers is checked in the same way:
that error is its session's.

${table('caller', false)}
## Codes of Node and of the system

They are passed on unchanged.

| code | means | what to do |
|---|---|---|
| \`ABORT_ERR\` | The option \`signal\` was aborted: the error is its \`reason\`. | Nothing: your program aborted it. |
| \`EADDRINUSE\`, \`EADDRNOTAVAIL\`, \`EACCES\` of \`bind\` | The socket cannot be bound to that address and port. \`errno\` and \`syscall\` are set. | Choose another address or port, or close what has it. |
| \`ENOTFOUND\`, \`EAI_AGAIN\` | The resolver does not find the host's name, or does not answer. | Check the name and the resolver. |
| \`EMFILE\`, \`ENOBUFS\`, \`ENOMEM\` | The system has no more sockets or memory. | Raise its limits. |
| \`ERR_ACCESS_DENIED\` | Node's permission model forbids the network. | Start Node with \`--allow-net\`. |
| other \`ERR_OSSL_…\` and \`ERR_CRYPTO_…\` | OpenSSL refuses a key or a certificate; the message names the option. \`ERR_OSSL_BAD_DECRYPT\`: a wrong \`passphrase\`. | Look at the file with \`openssl pkey\` or \`openssl x509\`. |
| codes of a \`transport\` | What the application's transport threw or rejected with. | See the transport. |
`;

if (mistakes.length > 0) {
  console.error(mistakes.join('\n'));
  process.exitCode = 1;
} else if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error('docs/errors.md is not that of the tree: run `npm run docs:errors`.');
  process.exitCode = 1;
}

function table(group, hasReasons) {
  const head = hasReasons
    ? '| code | means | what to do | `reason` |\n|---|---|---|---|\n'
    : '| code | means | what to do |\n|---|---|---|\n';
  const lines = rows
    .filter((row) => row.group === group)
    .map(({ code, meaning, advice, reason }) => {
      const cells = [`\`${code}\``, meaning, advice];
      if (hasReasons) cells.push(reason);
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
    });
  return head + lines.join('');
}

function readRows() {
  const file = ts.createSourceFile(SOURCE, readFileSync(SOURCE, 'utf8'), ts.ScriptTarget.ES2022, true);
  const found = file.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'ErrorCodes',
  );
  return found.members.map((member) => {
    const code = member.name.getText();
    const [doc] = ts.getJSDocCommentsAndTags(member);
    const tags = new Map(ts.getJSDocTags(member).map((tag) => [tag.tagName.text, plain(tag.comment)]));
    const row = {
      code,
      group: member.type.literal.text,
      meaning: plain(doc?.comment),
      advice: tags.get('remarks') ?? '',
      reason: tags.get('reason') ?? '',
    };
    for (const part of ['meaning', 'advice']) if (row[part] === '') mistakes.push(`${code} has no ${part}`);
    return row;
  });
}

function plain(comment) {
  return (ts.getTextOfJSDocComment(comment) ?? '').replace(/\s+/g, ' ').trim();
}
