import { hash } from 'node:crypto';
import type { TrustedRoot } from '../../trust/trusted-root.ts';

/** A public instance, by what its trusted root and its attestations name. No trust rests on it. */
export interface KnownInstance {
  /** How to call it in verdicts and advice. */
  readonly name: string;
  /** How to get its trust. */
  readonly advice: string;
  /** Ids of its transparency and CT logs. */
  readonly logIds: readonly string[];
  /** In the name of its certificate authority. */
  readonly organization?: string;
  /** SHA-256 of the certificates that its chains end in. */
  readonly anchors: readonly string[];
}

export const KNOWN_INSTANCES: readonly KnownInstance[] = [
  {
    name: 'Sigstore public-good',
    anchors: [
      '3ba7b6cc4e95469d4d334b49cb257ad8537076fa84b0ca87ff4ecfe6a54680c1',
      '03a38ffb1f450100c2596d1d10b900ac4d504058006dda58199576bbeb9c73d0',
    ],
    advice:
      'give its trusted root with --trusted-root FILE, or follow it in a trust store of its own: `stella trust init --tuf-url https://tuf-repo-cdn.sigstore.dev`',
    logIds: [
      'c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d',
      'cf1199155bddd051268d1f16ac5c0c75c009f6fb5a63f4177f8e18d7051e3fa0',
      '086092f02852ff6845d1d16b27849c456718ac163dc338d26de6bc2206366f72',
      'dd3d306ac6c7113263191e1c99673702a24a5eb8de3cadff878a72802f29ee8e',
    ],
  },
  {
    name: 'Sigstore staging',
    anchors: ['bca21d3cc62c9d6a52be9989e6a705f99e91a39d9114890990789ef75d382b39'],
    advice: 'it is for tests; if it is really meant, give its trusted root with --trusted-root FILE',
    logIds: [
      'd32f30a3c32d639c2b762205a21c7bb07788e68283a4ae6f42118723a1bea496',
      'f30d5a999d92e662484244263f174cb8eacbfe8264bc583d32741799e3825dc9',
      '29f4a2497da244bca12bad925152f8eef55caaa471fd101ec292899bc21d653a',
      'd3d3a70ca130eff8696626153e84d1cd16e0947934b3296c528bde8274549496',
      '1b7c142a4e992ba7df1e1fc5742454136c157a4cb31c4108a521b8b1abe7bf4c',
      'fbe24a38c42ded2277ca75079c27e70e170a3fcff9f09e13b9e32a5ee9371e60',
      '2b30bcdc6888c9e2e1d826295e741f4839319602f29c33cb5e4340feb2ac867a',
      '3e607153746e1892e090b236b14976272f67b44d6f92ce6f77114ab722a0a6b6',
    ],
  },
  {
    name: "GitHub's instance",
    anchors: ['dc64d3af9fd46dd840486935c903986d06edd35788769696d2f145d38b7f7887'],
    advice: 'run `gh attestation trusted-root > FILE` where there is a network, and give --trusted-root FILE',
    logIds: [],
    organization: 'GitHub, Inc.',
  },
];

/** The known instance whose trusted root this is, by the certificates that all of its chains end in. */
export function knownInstanceOf({ certificateAuthorities }: TrustedRoot): KnownInstance | undefined {
  const ends = certificateAuthorities.map(({ chain }) => hash('sha256', chain.at(-1)!, 'hex'));
  if (ends.length === 0) return undefined;
  return KNOWN_INSTANCES.find(({ anchors }) => ends.every((end) => anchors.includes(end)));
}
