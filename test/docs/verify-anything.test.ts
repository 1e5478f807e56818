import { createHash, sign as nodeSign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { preAuthEncoding } from '../../src/attest/document/envelope.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { attestationsOf, keysJson } from '../attest/packages/npm.ts';
import { stella } from '../support/cli.ts';
import { signWith } from '../support/sigstore/certificates.ts';
import { cosignBundle, hashedRekord, pemOf } from '../support/sigstore/cosign.ts';
import { base64 } from '../support/sigstore/edit.ts';
import { ARTIFACT, DAY, IN_TOTO, make, SIGNED } from '../support/sigstore/scenario.ts';
import { temporaryTree } from '../support/temp.ts';

const PAGE = readFileSync('docs/verify-anything.md', 'utf8');

/** The rows of both tables: form, command, and the code of the refusal where there is one. */
const rows = [
  ...PAGE.matchAll(/^\| (?<form>.+?) \| .+? \| `(?<command>stella .+?)` \| (?:`(?<code>[A-Z_]+)`)?/gm),
].map(({ groups }) => [groups!['form']!, groups!['command']!, groups!['code']] as const);

let home: string;

beforeAll(() => {
  home = temporaryTree();
  const write = (name: string, content: string | Uint8Array | object) =>
    writeFileSync(
      join(home, name),
      typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
    );
  const made = make({ content: 'dsse' });
  const text = JSON.stringify(made.bundle);
  const { verificationMaterial: material, dsseEnvelope: envelope } = made.bundle as {
    verificationMaterial: { certificate: { rawBytes: string }; tlogEntries: object[] };
    dsseEnvelope: { payload: string; signatures: { sig: string }[] };
  };
  write('app.bin', ARTIFACT);
  write('trusted_root.json', JSON.stringify(made.root));
  write('attestor.pub', made.publicKey);
  write('app.sigstore.json', text);
  const sha512 = createHash('sha512').update(ARTIFACT).digest('hex');
  write('npm.json', attestationsOf('app', '1.0.0', sha512));
  write('npm-keys.json', keysJson());
  write('app.jsonl', `${text}\n${text}\n`);
  const list = { attestations: [{ bundle: made.bundle }] };
  write('pages.json', JSON.stringify(list) + JSON.stringify(list));
  const pep740 = {
    version: 1,
    verification_material: {
      certificate: material.certificate.rawBytes,
      transparency_entries: material.tlogEntries,
    },
    envelope: { statement: envelope.payload, signature: envelope.signatures[0]!.sig },
  };
  write('app.publish.attestation', pep740);
  write('provenance.json', {
    version: 1,
    attestation_bundles: [{ publisher: {}, attestations: [pep740] }],
  });
  write('app.intoto.json', envelope);
  write('gcloud.json', { provenance_summary: { provenance: [{ kind: 'BUILD', envelope }] } });
  const certificate = pemOf(material.certificate.rawBytes);
  write('slsa.intoto.jsonl', {
    ...envelope,
    signatures: [{ ...envelope.signatures[0], cert: certificate }],
  });
  const key = generateKey('ecdsa-p256');
  const signed = preAuthEncoding(IN_TOTO, Buffer.from(envelope.payload, 'base64'));
  const numbers = nodeSign('sha256', signed, { key: key.object, dsaEncoding: 'ieee-p1363' });
  write('p256.pub', formatPublicKey(key.publicKey));
  write('p1363.intoto.json', { ...envelope, signatures: [{ sig: base64(numbers) }] });
  const { signature: signedArtifact } = (make().bundle as { messageSignature?: { signature: string } })
    .messageSignature!;
  const signature = Buffer.from(signedArtifact, 'base64');
  write('app.bin.sig', base64(signature));
  write('app.bin.pem', certificate);
  write(
    'app.cosign.bundle',
    cosignBundle(signature, base64(certificate), hashedRekord(signedArtifact, certificate)),
  );
  const digest = /image\.sig\.json --digest (sha256:[0-9a-f]{64})/.exec(PAGE)![1];
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': 'registry.example.com/app' },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
    }),
  );
  write('image.sig.json', {
    Base64Signature: base64(signWith(made.key, payload)),
    Payload: base64(payload),
    Cert: null,
    Chain: null,
    Bundle: null,
    RFC3161Timestamp: null,
  });
  write(
    'old.sigstore.json',
    make({
      version: '0.1',
      bundle: [['verificationMaterial.tlogEntries.0.inclusionProof.checkpoint', undefined]],
    }).bundle as object,
  );
  write('null.json', { attestations: [{ bundle: null, bundle_url: 'https://blobs.example.com/a' }] });
  write('build.link', { signed: { _type: 'link' }, signatures: [] });
  write('utf16.json', Buffer.from(`\ufeff${text}`, 'utf16le'));
  write('app.bin.asc', '-----BEGIN PGP SIGNATURE-----\n');
});

describe('each row of docs/verify-anything.md', () => {
  test('is found', () => {
    expect(rows.length).toBeGreaterThan(15);
    expect(rows).toHaveLength(PAGE.match(/`stella attest verify .*? --trusted-root/g)!.length);
  });

  test.each(rows)('%s', async (_, command, code) => {
    const result = await stella(command.split(' ').slice(1), {
      cwd: home,
      env: { HOME: home },
      now: SIGNED + DAY,
    });
    if (code === undefined) expect(result.status, result.stderr).toBe(0);
    else {
      expect(result.status).not.toBe(0);
      expect(result.stderr).toContain(`[${code}]`);
    }
  });
});
