interface Signed {
  toJSON(): unknown;
}

interface MetadataLike {
  readonly signed: Signed;
  readonly signatures: Readonly<Record<string, { readonly sig: string } | undefined>>;
}

interface KeyLike {
  readonly keyID: string;
  readonly keyType: string;
  readonly scheme: string;
  verifySignature: (this: KeyLike, metadata: never) => void;
}

/** The two classes of @tufjs/models that are needed, as far as they are. */
interface Models {
  readonly Metadata: { fromJSON(type: never, data: never): object };
  readonly Key: { readonly prototype: KeyLike };
}

interface Received {
  readonly consistent_snapshot?: unknown;
  readonly delegations?: { readonly roles?: readonly { readonly name: string }[] };
}

const received = new WeakMap<object, Received>();

/**
 * Makes @tufjs/models check signatures over what was received. It checks them over what it made of that, which is not
 * the same: further entries in a timestamp's `meta` are lost, and delegations to roles whose names are numbers change
 * their order, which is their order of trust. It also takes the hexadecimal digits that a signature begins with for
 * the signature, and an ed25519 key for one whatever its scheme; and it refuses a root that leaves out
 * `consistent_snapshot`, as older repositories do to say that they have none.
 */
export function makeFaithful({ Metadata, Key }: Models): void {
  const fromJSON = Metadata.fromJSON.bind(Metadata);
  Metadata.fromJSON = (type, data: { readonly signed?: unknown }) => {
    const { signed } = data;
    const isOldRoot =
      type === 'root' && typeof signed === 'object' && signed !== null && !('consistent_snapshot' in signed);
    const read = isOldRoot ? { ...data, signed: { ...signed, consistent_snapshot: false } } : data;
    const metadata = fromJSON(type, read as never);
    received.set(metadata, signed as Received);
    return metadata;
  };
  const { verifySignature } = Key.prototype;
  Key.prototype.verifySignature = function (this: KeyLike, metadata: MetadataLike): void {
    const { signatures } = metadata;
    const signature = Object.hasOwn(signatures, this.keyID) ? signatures[this.keyID] : undefined;
    if (signature && !/^(?:[0-9a-f]{2})+$/i.test(signature.sig))
      throw new TypeError('the signature is not hexadecimal');
    if (this.keyType === 'ed25519' && this.scheme !== 'ed25519') throw new TypeError('unknown scheme');
    const signed = received.get(metadata);
    verifySignature.call(
      this,
      (signed ? { signatures, signed: { toJSON: () => signed } } : metadata) as never,
    );
  };
}

/** The names of the roles that targets metadata delegates to, the most trusted first; none where it has hash bins. */
export function delegatedNames(metadata: object): string[] {
  return received.get(metadata)?.delegations?.roles?.map(({ name }) => name) ?? [];
}
