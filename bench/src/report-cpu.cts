/** Required before a program: at its end it writes the CPU µs of the process, from its start, to file descriptor 3. */
// eslint-disable-next-line @typescript-eslint/no-require-imports -- a module would load Node's loader of modules first
const { writeSync } = require('node:fs') as typeof import('node:fs');

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  writeSync(3, String(user + system));
});
