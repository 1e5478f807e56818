import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { formatCheckpoint, openCheckpoint } from '../../src/tlog/checkpoint.ts';
import { makeCosignature } from '../../src/tlog/cosignature.ts';
import {
  formatNote,
  formatVerifierKey,
  makeNoteSignature,
  verifierKeyOf,
  witnessKeyOf,
} from '../../src/tlog/note.ts';
import {
  checkWitnessPolicy,
  parseWitnessPolicy,
  policyState,
  witnessKeys,
} from '../../src/tlog/witness-policy.ts';
import { refusal } from '../support/errors.ts';

const log = generateKey();
const logKey = verifierKeyOf('log.example/a', log.publicKey);
const witnesses = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'].map((name) => ({ name, key: generateKey() }));
const vkey = (n: number) =>
  formatVerifierKey(witnessKeyOf(`${witnesses[n]!.name}.example`, witnesses[n]!.key.publicKey));
const parse = (text: string) => parseWitnessPolicy(Buffer.from(text));

/** The example of C2SP tlog-policy. */
const POLICY = `# two organizations
log ${formatVerifierKey(logKey)}

witness X1 ${vkey(0)}
witness X2 ${vkey(1)} https://x2.example/
\twitness X3\t${vkey(2)}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkey(3)}
witness Y2 ${vkey(4)}
witness Y3 ${vkey(5)}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

async function cosigned(...names: string[]) {
  const text = formatCheckpoint({
    origin: logKey.name,
    size: 7n,
    rootHash: new Uint8Array(32),
    extensions: [],
  });
  const signatures = [await makeNoteSignature(text, logKey.name, signerOf(log))];
  for (const { name, key } of witnesses)
    if (names.includes(name))
      signatures.push(await makeCosignature(text, `${name}.example`, signerOf(key), 1_700_000_000n));
  return formatNote({ text, signatures });
}

describe('the example of the C2SP document', () => {
  const policy = parse(POLICY);
  const open = async (...names: string[]) =>
    openCheckpoint(await cosigned(...names), [logKey, ...witnessKeys(policy)]);

  test.each([[['X1', 'X2', 'Y1']], [['X1', 'X3', 'Y3']], [['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3']]])(
    'is met by %o',
    async (names) => {
      const opened = await open(...names);
      checkWitnessPolicy(policy, opened);
      const { isMet, witnesses: states } = policyState(policy, opened);
      expect(isMet).toBe(true);
      expect(
        states.filter(({ cosignedAt }) => cosignedAt === 1_700_000_000n).map(({ name }) => name),
      ).toEqual(names);
    },
  );

  test.each([[[]], [['X1', 'Y1']], [['X1', 'X2', 'X3']], [['Y1', 'Y2', 'Y3']]])(
    'is not met by %o',
    async (names) => {
      const opened = await open(...names);
      const error = await refusal('WITNESS_QUORUM', () => checkWitnessPolicy(policy, opened));
      expect(error.details).toMatchObject({ signed: names });
    },
  );

  test('does not accept a log that it does not list', async () => {
    const stranger = parse(
      `log ${formatVerifierKey(verifierKeyOf('log.example/b', generateKey().publicKey))}\nquorum none\n`,
    );
    await refusal('CHECKPOINT_SIGNATURE', async () => checkWitnessPolicy(stranger, await open()));
  });

  test('one witness is not enough where all of two are wanted', async () => {
    const twice = parse(`witness A ${vkey(0)}\nwitness B ${vkey(1)}\ngroup both all A B\nquorum both\n`);
    const opened = openCheckpoint(await cosigned('X1'), [logKey, ...witnessKeys(twice)]);
    await refusal('WITNESS_QUORUM', () => checkWitnessPolicy(twice, opened));
  });
});

test('no quorum needs no witness', async () => {
  const policy = parse('quorum none');
  checkWitnessPolicy(policy, openCheckpoint(await cosigned(), [logKey]));
  expect(policy).toEqual({ logs: [], witnesses: [], quorum: undefined });
});

describe('malformed policies are refused, naming the line', () => {
  const w = `witness w ${vkey(0)}\n`;
  test.each([
    ['empty', ''],
    ['no quorum', w],
    ['two quorums', `${w}quorum w\nquorum w\n`],
    ['an undefined quorum', 'quorum w\n'],
    ['a quorum defined later', `quorum w\n${w}`],
    ['an undefined member', 'group g any x\nquorum g\n'],
    ['a group of itself', 'group g any g\nquorum g\n'],
    ['a group of nobody', 'group g any\nquorum none\n'],
    ['none as a member', 'group g any none\nquorum g\n'],
    ['none as a name', `witness none ${vkey(0)}\nquorum none\n`],
    ['a name twice', `${w}witness w ${vkey(1)}\nquorum w\n`],
    ['a key twice', `${w}witness v ${vkey(0)}\nquorum w\n`],
    ['a log twice', `log ${formatVerifierKey(logKey)}\nlog ${formatVerifierKey(logKey)}\nquorum none\n`],
    ['a threshold of 0', `${w}group g 0 w\nquorum g\n`],
    ['a threshold above the members', `${w}group g 2 w\nquorum g\n`],
    ['a threshold with a leading zero', `${w}group g 01 w\nquorum g\n`],
    ['a member twice', `${w}group g all w w\nquorum g\n`],
    ['a member of two groups', `${w}group g all w\ngroup h all w\nquorum g\n`],
    ['an unknown keyword', 'quorums none\n'],
    ['too many items', 'quorum none none\n'],
    ['a carriage return', 'quorum none\r\n'],
    ['a DEL', '# \x7f\nquorum none\n'],
    ['a broken key', 'witness w x+y+z\nquorum w\n'],
    ["a log's key as a witness", `witness w ${formatVerifierKey(logKey)}\nquorum w\n`],
    ["a witness's key as a log", `log ${vkey(0)}\nquorum none\n`],
  ])('%s', async (_, text) => {
    const error = await refusal('POLICY_INVALID', () => parse(text));
    if (!text.includes('\r') && !text.includes('\x7f')) expect(error.message).toMatch(/line [1-4]:/);
  });

  test('any octets give a policy or POLICY_INVALID', () => {
    const part = fc.constantFrom(
      'log ',
      'witness ',
      'group ',
      'quorum ',
      'none',
      'any ',
      'all ',
      '1 ',
      'a ',
      'b ',
      vkey(0),
      '\n',
      '# ',
      'ü',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(part, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
        ),
        (bytes) => {
          try {
            parseWitnessPolicy(bytes);
          } catch (error) {
            if (!isStellaError(error, 'POLICY_INVALID')) throw error;
          }
        },
      ),
    );
  });
});
