import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalize } from '@tufjs/canonical-json';

export interface Meta {
  version: number;
  length?: number;
  hashes?: Record<string, string>;
}

export interface KeyJson {
  keytype: string;
  keyval: { public: string };
  scheme: string;
}

export interface Signed {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
  meta: Record<string, Meta>;
  targets: Record<string, { length: number; hashes: Record<string, string> }>;
  delegations: {
    keys: Record<string, KeyJson>;
    roles: { name: string; paths: string[]; keyids: string[]; threshold: number }[];
  };
  keys: Record<string, KeyJson>;
  roles: Record<string, { keyids: string[]; threshold: number }>;
}

export interface Document {
  signatures: { keyid: string; sig: string }[];
  signed: Signed;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export const idOf = (key: KeyJson): string => sha256(Buffer.from(canonicalize(key)));

/** An attacker's copy of a published repository, who also holds those keys that a row says. */
export class Published {
  readonly directory: string;
  readonly #keys: string;

  /** @param from what is copied; @param keys where the private keys are */
  constructor(from: string, directory: string, keys: string) {
    cpSync(from, directory, { recursive: true });
    this.directory = directory;
    this.#keys = keys;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  bytes(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  read(name: string): Document {
    return JSON.parse(this.bytes(name).toString()) as Document;
  }

  write(name: string, content: Document | Uint8Array | string): void {
    const isBytes = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(this.path(name), isBytes ? content : JSON.stringify(content));
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  /** The file of the newest version of a role. */
  newest(role: string): string {
    if (role === 'timestamp') return 'timestamp.json';
    const version = (name: string) => Number(name.slice(0, -`.${role}.json`.length));
    return readdirSync(this.directory)
      .filter((name) => name.endsWith(`.${role}.json`) && Number.isInteger(version(name)))
      .sort((a, b) => version(a) - version(b))
      .at(-1)!;
  }

  /** The stored file of a target, hash prefix and all. */
  targetFile(name: string): string {
    const [directory, file] = [join('targets', name, '..'), name.split('/').at(-1)!];
    return join(directory, readdirSync(this.path(directory)).find((each) => each.endsWith(`.${file}`))!);
  }

  /** A public key as metadata has it. */
  key(name: string): KeyJson {
    const { x } = createPublicKey(readFileSync(join(this.#keys, `${name}.pub`))).export({ format: 'jwk' });
    return {
      keytype: 'ed25519',
      keyval: { public: Buffer.from(x!, 'base64url').toString('hex') },
      scheme: 'ed25519',
    };
  }

  /** Signatures over `signed` by these keys. */
  signatures(signed: Signed, keys: readonly string[]): Document['signatures'] {
    const data = Buffer.from(canonicalize(signed));
    return keys.map((name) => ({
      keyid: idOf(this.key(name)),
      sig: sign(null, data, createPrivateKey(readFileSync(join(this.#keys, `${name}.pem`)))).toString('hex'),
    }));
  }

  /** Changes a metadata file and signs it anew with these keys. */
  edit(name: string, keys: readonly string[], change: (signed: Signed) => void): void {
    const { signed } = this.read(name);
    change(signed);
    this.write(name, { signed, signatures: this.signatures(signed, keys) });
  }

  /** Has snapshot and timestamp name a changed file of targets, or `snapshot` as it is now. */
  link(role: string, keys: { readonly snapshot: string; readonly timestamp: string }): void {
    const describe = (meta: Meta, bytes: Buffer) => {
      if (meta.length !== undefined) meta.length = bytes.length;
      if (meta.hashes) meta.hashes = { sha256: sha256(bytes) };
    };
    const snapshot = this.newest('snapshot');
    if (role !== 'snapshot') {
      const bytes = this.bytes(this.newest(role));
      this.edit(snapshot, [keys.snapshot], ({ meta }) => describe(meta[`${role}.json`]!, bytes));
    }
    this.edit('timestamp.json', [keys.timestamp], ({ meta }) =>
      describe(meta['snapshot.json']!, this.bytes(snapshot)),
    );
  }
}
