import { maskUrl } from '../../../base/safety/masked-url.ts';
import type { ExportedBundle } from '../../../producer/export.ts';
import type { Outcome } from '../../frame/cli.ts';
import { formatBytes, formatCount, printable } from '../../terminal/output.ts';

/** What an export came to, for people and programs. */
export function exportOutcome(exported: ExportedBundle, out: string): Outcome {
  const { sealed, split, signingKey, logs, attestations, skipped } = exported;
  const { manifest, manifestSha256, size } = sealed;
  const signer = signingKey.key.publicKey.id;
  return {
    json: {
      out: split?.list ?? out,
      size,
      manifest_sha256: manifestSha256,
      signer,
      manifest: { ...manifest, entries: manifest.entries.length },
      ...(split ? { parts: split.parts } : {}),
      ...(exported.leftOutLogs.length > 0 ? { logs_left_out: exported.leftOutLogs } : {}),
      attestations: attestations.map(({ name, error }) => ({
        name,
        verifies: error === undefined,
        ...(error ? { code: error.code, message: error.message } : {}),
      })),
      ...(skipped.length > 0
        ? { skipped: skipped.map(({ name, skipped: reason }) => ({ name, reason })) }
        : {}),
    },
    text: [
      `sealed ${printable(split?.list ?? out)}: ${formatBytes(size)}, number ${manifest.sequence}, sealed at ${manifest.sealed_at}, ${formatCount(manifest.entries.length, 'entry', 'entries')}`,
      ...(split
        ? [
            `split into ${formatCount(split.parts.length, 'part')}: carry all of them, the .parts.json and the .parts.cose`,
          ]
        : []),
      ...(manifest.base
        ? [`a delta: only sites that hold number ${manifest.base.sequence} or later can import it`]
        : []),
      ...logs.map(logLine),
      ...(attestations.length > 0
        ? [
            `${formatCount(attestations.length, 'attestation')} carried along, ${attestations.filter(({ error }) => !error).length} of them verify with what is sealed`,
          ]
        : []),
      `signed by sha256:${signer}`,
    ].join('\n'),
  };
}

function logLine({ manifest: log, withoutTiles, foundOrigin }: ExportedBundle['logs'][number]): string {
  const found =
    foundOrigin === undefined
      ? ''
      : ` (so it signs; ${printable(maskUrl(log.url))} does not say it, and this store remembers it)`;
  const size = `log ${printable(log.origin)}${found}: ${formatCount(log.tree_size, 'entry', 'entries')}`;
  return withoutTiles
    ? `${size}; it serves no tiles: its checkpoint and proofs of growth are carried`
    : `${size}, provable from ${log.first_index} on`;
}

/** How a signer that TUF does not name becomes known on the other side. */
function unknownSigner(id: string, file: string, freeTarget: string | undefined): string[] {
  const pin = `stella trust import … --bundle-key ${file} --bundle-key-fingerprint sha256:${id}`;
  if (freeTarget === undefined)
    return [
      `the signing key is yours alone: carry ${file}, and tell sha256:${id} over another channel;`,
      `  the first import pins it: ${pin}`,
    ];
  return [
    `warning: the TUF repository does not name the signing key sha256:${id}; importers will refuse this bundle unless`,
    `  it is published: ./scripts/add-target.sh ${file} ${freeTarget} --usage bundle-signer`,
    `  or pinned on the other side: ${pin}`,
  ];
}

/** What should be known while it can still be mended: the other side refuses a signer it does not know. */
export function exportWarnings(exported: ExportedBundle): string[] {
  const { signingKey, signerIsDistributed, freeSignerTarget, attestations, withheld, skipped } = exported;
  const { logs, leftOutLogs } = exported;
  const id = signingKey.key.publicKey.id;
  const file = signingKey.publicPath ?? 'KEY.pub';
  return [
    ...(signingKey.isNew ? [`made a signing key for bundles: ${signingKey.path} (sha256:${id})`] : []),
    ...(signerIsDistributed ? [] : unknownSigner(id, file, freeSignerTarget)),
    ...leftOutLogs.map(
      ({ url, reason, code }) =>
        `warning: the log ${printable(maskUrl(url))} of the trusted root is not carried: ${printable(reason)} [${code}]`,
    ),
    ...(logs.length > 0
      ? []
      : [
          `warning: the bundle carries no log: ${leftOutLogs.length > 0 ? 'none that the trust names could be had' : 'neither the service map nor the trusted root names one that is valid now'}; whether an attestation was logged is shown there by what it brings itself`,
        ]),
    ...withheld.map(
      (path) =>
        `warning: ${printable(path)} of the TUF repository holds a private key, and is not carried: tell its owner to replace the key`,
    ),
    ...attestations.flatMap(({ name, error }) =>
      error
        ? [
            `warning: ${printable(name)} will not verify over there: ${printable(error.message)} [${error.code}]`,
          ]
        : [],
    ),
    ...(skipped.length > 0
      ? [
          `skipped ${formatCount(skipped.length, 'file')} of the directories of attestations:`,
          ...skipped
            .slice(0, MAX_SHOWN_SKIPPED)
            .map(({ name, skipped: reason }) => `  ${printable(name)}: ${reason}`),
          ...(skipped.length > MAX_SHOWN_SKIPPED ? [`  and ${skipped.length - MAX_SHOWN_SKIPPED} more`] : []),
        ]
      : []),
  ];
}

const MAX_SHOWN_SKIPPED = 20;
