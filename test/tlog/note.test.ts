import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHex, sha256 } from '../../src/base/bytes.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { generateKey, parsePublicKey, signerOf } from '../../src/base/keys.ts';
import { makeCosignature } from '../../src/tlog/cosignature.ts';
import {
  ctLogKeyOf,
  formatNote,
  formatVerifierKey,
  logIdOf,
  makeNoteSignature,
  parseNote,
  parseVerifierKey,
  rekorV1KeyOf,
  signNote,
  verifierKeyOf,
  verifyNote,
  witnessKeyOf,
} from '../../src/tlog/note.ts';
import { refusal } from '../support/errors.ts';

// The example of golang.org/x/mod/sumdb/note.
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const LINE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const bytes = (text: string) => Buffer.from(text);
const ed25519 = generateKey();
const other = generateKey();

describe('published examples', () => {
  test('a note of golang.org/x/mod verifies, and comes back byte for byte', () => {
    const note = parseNote(bytes(`${TEXT}\n${LINE}`));
    expect(note.text).toBe(TEXT);
    expect(verifyNote(note, [parseVerifierKey(VKEY)])).toMatchObject([{ name: 'PeterNeumann' }]);
    expect(Buffer.from(formatNote(note)).toString()).toBe(`${TEXT}\n${LINE}`);
  });

  test('the verifier keys of the C2SP documents are read and written unchanged', () => {
    for (const text of [VKEY, 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'])
      expect(formatVerifierKey(parseVerifierKey(text))).toBe(text);
  });

  test('the example note of the C2SP document parses, blank lines in its text included', () => {
    const whole =
      'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n';
    const note = parseNote(bytes(whole));
    expect(note.text).toContain('sole:\n\ned');
    expect(note.signatures).toMatchObject([{ name: 'quasimodo.example/salvatore' }]);
  });
});

describe('lines of one key', () => {
  const known = parseVerifierKey(VKEY);
  const unknown = '— example.com/unknown AAAAAAAAAAAA\n';

  test('that nobody configured are ignored, however many there are', () => {
    const note = parseNote(bytes(`${TEXT}\n${unknown}${LINE}${unknown}${unknown}`));
    expect(verifyNote(note, [known])).toHaveLength(1);
  });

  test('that is known count once', () => {
    expect(verifyNote(parseNote(bytes(`${TEXT}\n${LINE}${LINE}`)), [known])).toHaveLength(1);
  });

  test('that is known refuse the note where one of them does not hold', async () => {
    const note = parseNote(bytes(`${TEXT}\n${LINE}— PeterNeumann x08goxxxxxxx\n`));
    await refusal('CHECKPOINT_SIGNATURE', () => verifyNote(note, [known]));
  });
});

test('a CT log key has a text form that holds its SPKI, and an id made of the log id', async () => {
  const { publicKey } = generateKey('ecdsa-p256');
  const key = ctLogKeyOf('ct.example.com/2026', publicKey);
  const text = formatVerifierKey(key);
  const [, id, encoded] = text.split(/\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/);
  const material = Buffer.from(encoded!, 'base64');
  expect(material).toEqual(Buffer.concat([Buffer.of(5), publicKey.spki]));
  const logId = createHash('sha256').update(publicKey.spki).digest();
  const hash = createHash('sha256').update('ct.example.com/2026\n').update(Buffer.of(5)).update(logId);
  expect(id).toBe(hash.digest('hex').slice(0, 8));
  expect(parseVerifierKey(text)).toMatchObject({ name: 'ct.example.com/2026', type: 'rfc6962' });
  const ed25519 = Buffer.concat([Buffer.of(5), generateKey('ed25519').publicKey.spki]).toString('base64');
  await refusal('KEY_INVALID', () => parseVerifierKey(`ct.example.com/2026+${id}+${ed25519}`));
});

describe('malformed notes are refused', () => {
  const signature = LINE.trimEnd();
  test.each([
    ['empty', ''],
    ['no signatures', `${TEXT}\n`],
    ['no blank line', TEXT + LINE],
    ['no line feed at the end', `${TEXT}\n${signature}`],
    ['a carriage return', `${TEXT}\r\n\n${LINE}`],
    ['carriage returns throughout', `${TEXT}\n${LINE}`.replaceAll('\n', '\r\n')],
    ['a tab', `a\tb\n\n${LINE}`],
    ['a NUL', `a\0b\n\n${LINE}`],
    ['a text without a line feed', `\n${LINE}`],
    ['a hyphen for the dash', `${TEXT}\n${LINE.replace('—', '-')}`],
    ['no space after the dash', `${TEXT}\n${LINE.replace('— ', '—')}`],
    ['two spaces', `${TEXT}\n${LINE.replace('— ', '—  ')}`],
    ['a space at the end', `${TEXT}\n${signature} \n`],
    ['an empty name', `${TEXT}\n${LINE.replace('PeterNeumann', '')}`],
    ['a plus sign in the name', `${TEXT}\n${LINE.replace('PeterN', 'Peter+N')}`],
    ['a no-break space in the name', `${TEXT}\n${LINE.replace('PeterN', 'Peter\u00a0N')}`],
    ['base64 without padding', `${TEXT}\n${LINE.replace('=', '')}`],
    ['base64 with stray bits', `${TEXT}\n${LINE.replace('nAM=', 'nAN=')}`],
    ['URL-safe base64', `${TEXT}\n${LINE.replace('x08go/', 'x08go_')}`],
    ['a signature of 4 bytes', `${TEXT}\n— PeterNeumann x08gow==\n`],
    ['text after the signatures', `${TEXT}\n${LINE}more\n`],
  ])('%s', async (_, whole) => {
    await refusal('NOTE_INVALID', () => parseNote(bytes(whole)));
  });

  test('invalid UTF-8', async () => {
    await refusal('NOTE_INVALID', () =>
      parseNote(Buffer.concat([Buffer.of(0xc3, 0x28), bytes(`\n\n${LINE}`)])),
    );
  });

  test('more than 100 signatures, and more than 1 MiB', async () => {
    const lines = Array.from({ length: 101 }, (_, i) => LINE.replace('Neumann', String(i)));
    await refusal('NOTE_INVALID', () => parseNote(bytes(`${TEXT}\n${lines.join('')}`)));
    expect(parseNote(bytes(`${TEXT}\n${lines.slice(0, 100).join('')}`)).signatures).toHaveLength(100);
    await refusal('NOTE_INVALID', () => parseNote(Buffer.alloc(1024 * 1024 + 1, 'a')));
  });

  test('any bytes give a note or NOTE_INVALID, and a note is written back byte for byte', () => {
    const line = fc.constantFrom(TEXT, '\n', LINE, '— a AAAAAAAA\n', '—', ' ', '\r', 'ü\n');
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(line, { maxLength: 8 }).map((parts) => new Uint8Array(bytes(parts.join('')))),
    );
    fc.assert(
      fc.property(input, (raw) => {
        try {
          expect(Buffer.from(formatNote(parseNote(raw)))).toEqual(Buffer.from(raw));
        } catch (error) {
          if (!isStellaError(error, 'NOTE_INVALID')) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('signatures', () => {
  test.each(['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa'] as const)(
    '%s keys sign notes that verify',
    async (algorithm) => {
      const key = generateKey(algorithm);
      const verifier = verifierKeyOf('logs.example/1', key.publicKey);
      expect(parseVerifierKey(formatVerifierKey(verifier))).toMatchObject({
        name: 'logs.example/1',
        type: verifier.type,
      });
      const note = parseNote(await signNote('text\n', 'logs.example/1', signerOf(key)));
      expect(verifyNote(note, [verifier])).toHaveLength(1);
      await refusal('CHECKPOINT_SIGNATURE', () => verifyNote({ ...note, text: 'other\n' }, [verifier]));
    },
  );

  test('unknown keys are ignored, but one known key must have signed', async () => {
    const known = verifierKeyOf('a', ed25519.publicKey);
    const signatures = [
      await makeNoteSignature('text\n', 'stranger', signerOf(other)),
      await makeNoteSignature('text\n', 'a', signerOf(ed25519)),
    ];
    expect(verifyNote({ text: 'text\n', signatures }, [known])).toEqual([known]);
    const refused = await refusal('CHECKPOINT_SIGNATURE', () =>
      verifyNote({ text: 'text\n', signatures: signatures.slice(0, 1) }, [known]),
    );
    expect(refused.message).toContain('no trusted key');
    // The right name, but another key.
    const impostor = await makeNoteSignature('text\n', 'a', signerOf(other));
    await refusal('CHECKPOINT_SIGNATURE', () =>
      verifyNote({ text: 'text\n', signatures: [impostor] }, [known]),
    );
  });

  test('one bad signature of a known key refuses a note that another key has signed well', async () => {
    const keys = [verifierKeyOf('a', ed25519.publicKey), verifierKeyOf('b', other.publicKey)];
    const good = await makeNoteSignature('text\n', 'a', signerOf(ed25519));
    const bad = await makeNoteSignature('forged\n', 'b', signerOf(other));
    await refusal('CHECKPOINT_SIGNATURE', () =>
      verifyNote({ text: 'text\n', signatures: [good, bad] }, keys),
    );
  });

  test('a witness signature counts with its time, and only under that time', async () => {
    const witness = witnessKeyOf('witness.example/w', other.publicKey);
    const cosignature = await makeCosignature('text\n', witness.name, signerOf(other), 1_700_000_000n);
    const note = { text: 'text\n', signatures: [cosignature] };
    expect(verifyNote(note, [witness])).toMatchObject([{ cosignedAt: 1_700_000_000n }]);
    for (const [at, bits] of [
      [7, 1],
      [20, 1],
    ] as const) {
      const signature = Uint8Array.from(cosignature.signature);
      signature[at]! ^= bits;
      const altered = { text: 'text\n', signatures: [{ ...cosignature, signature }] };
      await refusal('CHECKPOINT_SIGNATURE', () => verifyNote(altered, [witness]));
    }
    for (const signature of [
      cosignature.signature.subarray(1),
      Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(64)]),
    ])
      await refusal('NOTE_INVALID', () =>
        verifyNote({ text: 'text\n', signatures: [{ ...cosignature, signature }] }, [witness]),
      );
    // The same key as a log's key has another id and signs something else.
    await refusal('CHECKPOINT_SIGNATURE', () =>
      verifyNote(note, [verifierKeyOf(witness.name, other.publicKey)]),
    );
  });

  test('key ids and log ids are those that Rekor uses', () => {
    // Key, origin and id of the staging instance of Rekor v2, from a published Sigstore bundle's checkpoint.
    const ecdsa = generateKey('ecdsa-p256').publicKey;
    expect(formatHex(verifierKeyOf('any', ecdsa).keyId)).toBe(ecdsa.id.slice(0, 8));
    expect(logIdOf('any', ecdsa)).toBe(ecdsa.id);
    const raw = ed25519.publicKey.spki.subarray(-32);
    const named = formatHex(sha256(Buffer.concat([bytes('origin\n'), Buffer.of(1), raw])));
    expect(logIdOf('origin', ed25519.publicKey)).toBe(named);
    expect(formatHex(verifierKeyOf('origin', ed25519.publicKey).keyId)).toBe(named.slice(0, 8));
    expect(formatHex(rekorV1KeyOf('host', ed25519.publicKey).keyId)).toBe(ed25519.publicKey.id.slice(0, 8));
    const rsa = parsePublicKey(generateKey('rsa').publicKey.spki);
    const material = Buffer.concat([bytes('o\n'), Buffer.of(0xff), bytes('PKIX-RSA-PKCS#1v1.5'), rsa.spki]);
    expect(formatHex(verifierKeyOf('o', rsa).keyId)).toBe(formatHex(sha256(material)).slice(0, 8));
  });
});

describe('malformed verifier keys are refused', () => {
  const [name, id, key] = VKEY.split('+') as [string, string, string];
  test.each([
    ['empty', ''],
    ['two parts', `${name}+${id}`],
    ['an empty name', `+${id}+${key}`],
    ['a space in the name', `Peter Neumann+${id}+${key}`],
    ['an upper case id', `${name}+C74F20A3+${key}`],
    ['a short id', `${name}+c74f20+${key}`],
    ['the id of another key', `${name}+c74f20a4+${key}`],
    ['another name', `Other+${id}+${key}`],
    ['no padding problem but a short key', `${name}+${id}+ARpc2Q==`],
    [
      'an unknown type',
      `${name}+${id}+${Buffer.concat([Buffer.of(0x7f), Buffer.alloc(32)]).toString('base64')}`,
    ],
    ['no key', `${name}+${id}+`],
    [
      'an RSA key of an unknown form',
      `${name}+${id}+${Buffer.concat([Buffer.of(0xff), Buffer.alloc(40)]).toString('base64')}`,
    ],
    ['a line feed', `${VKEY}\n`],
  ])('%s', async (_, text) => {
    await refusal('KEY_INVALID', () => parseVerifierKey(text));
  });

  test('an Ed25519 key in the form of an ECDSA key', async () => {
    const { spki, id: keyId } = ed25519.publicKey;
    const text = `a+${keyId.slice(0, 8)}+${Buffer.concat([Buffer.of(2), spki]).toString('base64')}`;
    await refusal('KEY_INVALID', () => parseVerifierKey(text));
  });

  test('witness keys are Ed25519, and names are names', async () => {
    await refusal('KEY_INVALID', () => witnessKeyOf('w', generateKey('ecdsa-p256').publicKey));
    await refusal('KEY_INVALID', () => verifierKeyOf('a b', ed25519.publicKey));
  });

  test('any text gives a key or KEY_INVALID', () => {
    const part = fc.constantFrom(name, id, key, '+', 'AQ==', '', 'Ag==', '00000000');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 7 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            expect(formatVerifierKey(parseVerifierKey(text))).toBe(text);
          } catch (error) {
            if (!isStellaError(error, 'KEY_INVALID')) throw error;
          }
        },
      ),
    );
  });
});
