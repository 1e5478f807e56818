import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One call that changes the disk. `append` writes at the end: nothing in here writes anywhere else. */
export type DiskCall =
  | { readonly op: 'create' | 'sync' | 'mkdir' | 'remove'; readonly path: string }
  | { readonly op: 'append' | 'copy'; readonly path: string; readonly data: string }
  | { readonly op: 'rename'; readonly path: string; readonly to: string };

/** What is lost with the power. */
export type Loss =
  /** Every name and every byte that was not synced. */
  | 'all'
  /** Bytes that were not synced; their files' names are there, as journalling file systems have it. */
  | 'data';

interface FileNode {
  kind: 'file';
  now: Buffer;
  /** What was in it at the last sync. */
  durable: Buffer;
}

interface DirectoryNode {
  kind: 'directory';
  now: Map<string, Node>;
  durable: Map<string, Node>;
}

type Node = FileNode | DirectoryNode;

/**
 * A file system in memory that knows what of it would survive a power loss: a file's bytes after fsync of the file, a
 * name after fsync of its directory.
 */
export class PowerLossDisk {
  readonly #base: string;
  #root: DirectoryNode;

  /** Everything below `base` is durable to begin with; an absent `base` is an empty directory. */
  constructor(base: string, load: string | undefined) {
    this.#base = base;
    this.#root = load === undefined ? emptyDirectory() : loadDirectory(load);
  }

  apply(call: DiskCall): void {
    switch (call.op) {
      case 'create':
        if (this.#find(call.path)?.kind !== 'file' || !call.path.endsWith('audit.jsonl'))
          this.#put(
            call.path,
            this.#existing(call.path) ?? { kind: 'file', now: Buffer.alloc(0), durable: Buffer.alloc(0) },
          );
        return;
      case 'append': {
        const file = this.#find(call.path);
        if (file?.kind === 'file') file.now = Buffer.concat([file.now, Buffer.from(call.data, 'base64')]);
        return;
      }
      case 'copy':
        this.#put(call.path, {
          kind: 'file',
          now: Buffer.from(call.data, 'base64'),
          durable: Buffer.alloc(0),
        });
        return;
      case 'sync': {
        const node = this.#find(call.path);
        if (node?.kind === 'file') node.durable = node.now;
        else if (node) node.durable = new Map(node.now);
        return;
      }
      case 'mkdir':
        this.#makeDirectories(call.path);
        return;
      case 'remove':
        this.#parent(call.path)?.now.delete(nameOf(call.path));
        return;
      case 'rename': {
        const node = this.#find(call.path);
        this.#parent(call.path)?.now.delete(nameOf(call.path));
        if (node) this.#put(call.to, node);
      }
    }
  }

  /** Writes what is left after a power loss to a directory. */
  materialize(directory: string, loss: Loss): void {
    writeNode(this.#root, directory, loss);
  }

  #parts(path: string): string[] {
    return path === this.#base ? [] : path.slice(this.#base.length + 1).split('/');
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of this.#parts(path)) node = node?.kind === 'directory' ? node.now.get(part) : undefined;
    return node;
  }

  #existing(path: string): FileNode | undefined {
    const node = this.#find(path);
    return node?.kind === 'file' ? node : undefined;
  }

  #parent(path: string): DirectoryNode | undefined {
    const node = this.#find(dirname(path));
    return node?.kind === 'directory' ? node : undefined;
  }

  #put(path: string, node: Node): void {
    this.#makeDirectories(dirname(path));
    this.#parent(path)!.now.set(nameOf(path), node);
  }

  #makeDirectories(path: string): void {
    let node = this.#root;
    for (const part of path.length < this.#base.length ? [] : this.#parts(path)) {
      let next = node.now.get(part);
      if (next?.kind !== 'directory') {
        next = emptyDirectory();
        node.now.set(part, next);
      }
      node = next;
    }
  }
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function emptyDirectory(): DirectoryNode {
  return { kind: 'directory', now: new Map(), durable: new Map() };
}

function loadDirectory(path: string): DirectoryNode {
  const entries = readdirSync(path, { withFileTypes: true }).map((entry): [string, Node] => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return [entry.name, loadDirectory(inner)];
    const bytes = readFileSync(inner);
    return [entry.name, { kind: 'file', now: bytes, durable: bytes }];
  });
  return { kind: 'directory', now: new Map(entries), durable: new Map(entries) };
}

function writeNode(node: Node, path: string, loss: Loss): void {
  if (node.kind === 'file') {
    writeFileSync(path, node.durable);
    return;
  }
  mkdirSync(path, { recursive: true });
  for (const [name, inner] of loss === 'all' ? node.durable : node.now)
    writeNode(inner, join(path, name), loss);
}
