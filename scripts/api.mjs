/**
 * Keeps the snapshot of the public API, packages/datagram-tls/api/*.api.md, which shows in review what users will see.
 *
 *   npm run api              writes it anew (run `npm run build` first)
 *   npm run check:api        exits with 1 when it differs from the tree
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { entriesOf } from './entries.mjs';

const project = fileURLToPath(new URL('../packages/datagram-tls', import.meta.url));
const QUIET = { default: { logLevel: 'none' } };

const writes = !process.argv.includes('--check');
const differing = entriesOf('datagram-tls').filter((entry) => !snapshot(entry));
if (differing.length > 0) {
  console.error(
    `The public API is not that of the snapshot (${differing.join(', ')}): run \`npm run api\` and look at the difference.`,
  );
  process.exitCode = 1;
}

/** Returns whether the snapshot matches the tree. */
function snapshot(entry) {
  mkdirSync(join(project, 'api'), { recursive: true });
  const config = ExtractorConfig.prepare({
    configObjectFullPath: join(project, 'api-extractor.json'),
    packageJsonFullPath: join(project, 'package.json'),
    configObject: {
      projectFolder: project,
      mainEntryPointFilePath: join(project, `build/src/${entry}.d.ts`),
      compiler: { tsconfigFilePath: join(project, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        includeForgottenExports: true,
        reportFileName: `${entry}.api.md`,
        reportFolder: join(project, 'api'),
        reportTempFolder: join(project, 'build/api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: QUIET,
        extractorMessageReporting: QUIET,
        tsdocMessageReporting: QUIET,
      },
    },
  });
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: writes,
    showVerboseMessages: false,
    messageCallback: (message) => {
      message.handled = true;
    },
  });
  return writes || !apiReportChanged;
}
