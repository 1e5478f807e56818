import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { parsePredicateType } from '../../../attest/policy/predicate-type.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption, optionalDestination } from '../../frame/destination.ts';

interface Options extends ForceFlag {
  readonly key: string;
  readonly log: string;
  readonly logKey?: string;
  readonly predicate?: string;
  readonly type?: string;
  readonly out?: string;
}

const MAX_PREDICATE_BYTES = 8 * 1024 * 1024;

/** `stella attest sign` */
export function registerAttestSign(attest: Command, cli: Cli): void {
  const command = cli
    .command(
      attest,
      'sign <artifact...>',
      'sign artifacts with a key and log the attestation in an embedded log',
    )
    .requiredOption('--key <file>', 'private key in PEM')
    .requiredOption('--log <dir>', 'embedded log, see `stella log init`')
    .option('--log-key <file>', "the log's private key (default: the one that the log remembers)")
    .option('--predicate <file>', 'what to say about the artifacts, JSON')
    .option('--type <uri>', 'type of the predicate')
    .option('--out <file>', 'where to write the Sigstore bundle (default: stdout)');
  forceOption(command, '--out');
  cli.action(command, async (run, artifacts: string[]) => {
    const options = run.options as Options;
    if ((options.predicate === undefined) !== (options.type === undefined))
      throw new StellaError('USAGE', '--predicate and --type belong together');
    const at = (path: string) => resolve(run.io.cwd, path);
    const { signAttestation } = await import('../../../attest/sign.ts');
    const { loadArtifact } = await import('../../../attest/document/load-artifact.ts');
    const { parseKnownJson, parseStrictJson } = await import('../../../base/json.ts');
    const { loadPrivateKey, signerOf } = await import('../../../base/keys.ts');
    const { loadLogFile } = await import('../../../logs/log-file.ts');
    const { readBounded } = await import('../../../base/files.ts');
    const { checkNoPrivateKey } = await import('../../../base/output/private-key.ts');
    const { loadLogSigner } = await import('../../frame/log-key.ts');
    // What is logged stays logged: that it can be kept is seen to first.
    const destination = options.out === '-' ? undefined : optionalDestination(run, '--out', options.out);
    const publicBytes = (path: string, name: string) => {
      const bytes = readBounded(path, MAX_PREDICATE_BYTES);
      checkNoPrivateKey(bytes, name);
      return bytes;
    };
    const log = at(options.log);
    const logFile = loadLogFile(log);
    const subjects = [];
    for (const path of artifacts)
      subjects.push({ name: basename(path), sha256: (await loadArtifact(at(path))).digests.sha256! });
    const predicate =
      options.predicate === undefined
        ? {}
        : {
            predicate: parseStrictJson(
              publicBytes(at(options.predicate), options.predicate),
              options.predicate,
              {
                code: 'PARSE_FAILED',
                byteOrderMark: 'skip',
              },
            ),
            predicateType: parsePredicateType(options.type!),
          };
    const signed = await signAttestation({
      subjects,
      ...predicate,
      signer: signerOf(loadPrivateKey(at(options.key))),
      log,
      logSigner: loadLogSigner(log, logFile, options.logKey === undefined ? undefined : at(options.logKey)),
      now: run.now,
    });
    const text = Buffer.from(signed.bytes).toString('utf8');
    await destination?.write(signed.bytes);
    const done = `signed by sha256:${signed.keyId}, logged in ${signed.origin} at index ${signed.logIndex}`;
    if (!destination) run.note(done);
    return {
      json: {
        out: destination?.path ?? null,
        key_id: signed.keyId,
        log: signed.origin,
        log_index: String(signed.logIndex),
        tree_size: String(signed.treeSize),
        ...(destination === undefined ? { sigstore_bundle: parseKnownJson(text) } : {}),
      },
      text: destination ? `${done}\nwrote ${options.out}` : text.trimEnd(),
    };
  });
}
