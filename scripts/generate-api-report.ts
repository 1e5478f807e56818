/**
 * Writes docs/api-report.md: the signature of everything that the library exports, so that a change of the public surface
 * is seen in review. Fails when a public signature uses a type that is not exported.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  ExtractorMessageCategory,
} from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('../', import.meta.url));
// Inside the project, because the extractor looks for package.json upwards.
const work = `${root}.dist-api-${process.pid}`;
const REPORT = `${root}docs/api-report.md`;
const HEAD = `# The library's public interface

Made by \`npm run generate\` from [src/index.ts](../src/index.ts); a test fails when it is not up to date. \`npm run docs:api\`
writes the same with explanations as HTML. A line that goes or changes its meaning needs a new major version.
`;

try {
  for (const folder of ['types', 'report', 'temp']) mkdirSync(`${work}/${folder}`, { recursive: true });
  execFileSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json', '--outDir', `${work}/types`],
    { cwd: root, stdio: 'inherit' },
  );
  const text = report();
  let old = '';
  try {
    old = readFileSync(REPORT, 'utf8');
  } catch {
    // not generated yet
  }
  if (old !== text && process.argv.includes('--check')) {
    console.error('docs/api-report.md is not up to date: run `npm run generate` and review what has changed');
    process.exitCode = 1;
  } else if (old !== text) {
    writeFileSync(REPORT, text);
    console.log('wrote docs/api-report.md');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function report(): string {
  const none = { logLevel: ExtractorLogLevel.None } as const;
  const result = Extractor.invoke(
    ExtractorConfig.prepare({
      packageJsonFullPath: `${root}package.json`,
      configObjectFullPath: undefined,
      configObject: {
        projectFolder: root,
        newlineKind: 'lf',
        mainEntryPointFilePath: `${work}/types/src/index.d.ts`,
        compiler: { tsconfigFilePath: `${root}tsconfig.json` },
        apiReport: {
          enabled: true,
          reportFileName: 'report',
          reportFolder: `${work}/report`,
          reportTempFolder: `${work}/temp`,
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
          // TypeDoc reads the comments.
          tsdocMessageReporting: { default: none },
          extractorMessageReporting: {
            default: { logLevel: ExtractorLogLevel.Error },
            // Whatever is exported is public.
            'ae-missing-release-tag': none,
            'ae-undocumented': none,
            'ae-unresolved-link': none,
          },
        },
      },
    }),
    {
      localBuild: true,
      messageCallback(message) {
        if (message.logLevel === ExtractorLogLevel.Error) console.error(message.text);
        message.handled =
          message.category === ExtractorMessageCategory.Console ||
          message.logLevel !== ExtractorLogLevel.Error;
      },
    },
  );
  if (result.errorCount > 0) throw new Error(`${result.errorCount} problems of the public interface`);
  const [code] = /^```ts\n[\s\S]*\n```$/m.exec(readFileSync(`${work}/report/report.api.md`, 'utf8')) ?? [];
  if (code === undefined) throw new Error('the report has no signatures');
  // Everything is public, and what is not said in a comment is said by its name.
  return `${HEAD}\n${code.replace(/^ *\/\/ (?:@public|\(undocumented\))\n/gm, '')}\n`;
}
