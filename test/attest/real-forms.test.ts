import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { real, realIsPresent } from '../support/real.ts';

const PEP_740 = 'sha256:9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3';
const PROVENANCE = 'sha256:482ce8c8f7e867da3a3c05a9aee637703e17470ed1cf882a9e5b405e8f82619d';
const IMAGE = 'sha256:f3cfc9d0dbf931d3db4685ec659b7ac68e2a578219da4aae65427886e649b06b';
const ROOT = ['--trusted-root', 'trusted_root.json'];
const POLICY = ['--policy', 'nolog.json'];

/** Folder, what is typed after `attest verify`, and the code of the refusal where there is one. */
const CASES: readonly [string, readonly string[], string?][] = [
  ['05-slsa-generator-dsse-cert', ['provenance.intoto.jsonl', '--digest', PROVENANCE], 'LOG_ENTRY_MISSING'],
  ['06-pep740', ['publish.attestation', '--digest', PEP_740]],
  ['06-pep740', ['pypi.provenance', '--digest', PEP_740]],
  ['06-pep740', ['pypi.provenance', '--digest', PROVENANCE], 'ARTIFACT_MISMATCH'],
  ['07-ecdsa-p1363', ['vsa.jsonl', '--key', 'key.pem', ...POLICY]],
  ['07-ecdsa-p1363', ['vsa.jsonl', '--key', 'key.pem', '--no-log']],
  ['07-ecdsa-p1363', ['vsa-der.json', '--key', 'key.pem', ...POLICY]],
  ['08-no-message-digest', ['bundle.json', '--artifact', 'artifact.txt']],
  ['08-no-message-digest', ['bundle.json', '--artifact', 'bundle.json'], 'SIGNATURE_INVALID'],
  ['10-cosign-download-signature', ['signature.json', '--key', 'img.pub', ...POLICY]],
  ['10-cosign-download-signature', ['signature.json', '--key', 'img.pub', '--no-log', '--digest', IMAGE]],
  [
    '10-cosign-download-signature',
    ['signature.json', '--key', 'img.pub', '--no-log', '--digest', PEP_740],
    'ARTIFACT_MISMATCH',
  ],
  ['13-github-api-bundle-url', ['list.json'], 'PARSE_FAILED'],
  ['14-pem-with-text', ['model.sig', '--key', 'key.pem', ...POLICY]],
  ['14-pem-with-text', ['model.sig', '--key', 'key-bare.pem', ...POLICY]],
  ['17-v01-proof-without-checkpoint', ['bundle.json', '--artifact', 'a.txt'], 'SIGSTORE_BUNDLE_INVALID'],
  ['17-v01-proof-without-checkpoint', ['without-proof.json', '--artifact', 'a.txt']],
];

describe.skipIf(!realIsPresent)('forms that people handed over', () => {
  test.each(CASES)('%s: %j', async (folder, args, code) => {
    const cwd = join(real, 'forms', folder);
    const result = await stella(['attest', 'verify', ...args, ...ROOT], { cwd });
    if (code === undefined) expect(result.status, result.stderr).toBe(0);
    else {
      expect(result.status).not.toBe(0);
      expect(result.stderr).toContain(`[${code}]`);
    }
  });
});
