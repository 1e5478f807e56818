/**
 * Published COSE_Sign messages: RFC 9052 (and RFC 8152) appendix C.1, and the working group's example collection
 * (cose-wg/Examples). The payload of all is the same text.
 */
export const PAYLOAD = 'This is the content.';

/** Public keys as JWK members; private parts where the message can be made again. */
export const KEYS = {
  '11': {
    kty: 'EC',
    crv: 'P-256',
    x: 'usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8',
    y: 'IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4',
  },
  'bilbo.baggins@hobbiton.example': {
    kty: 'EC',
    crv: 'P-521',
    x: 'AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt',
    y: 'AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1',
  },
  ed25519: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
} as const;

export interface Vector {
  readonly title: string;
  /** Hexadecimal. */
  readonly cbor: string;
  /** One key of {@link KEYS} for each signature. */
  readonly keys: readonly (keyof typeof KEYS)[];
  /** Sig_structure of each signature, hexadecimal, where it is published. */
  readonly toBeSigned?: readonly string[];
}

const CONTENT = '546869732069732074686520636F6E74656E742E';
const ES256 =
  'E2AEAFD40D69D19DFE6E52077C5D7FF4E408282CBEFB5D06CBF414AF2E19D982AC45AC98B8544C908B4507DE1E90B717C3D34816FE926A2B98F53AFD2FA0F30A';

export const GOOD: readonly Vector[] = [
  {
    title: 'RFC 9052 appendix C.1.1: single signature',
    cbor: `D8628440A054${CONTENT}818343A10126A1044231315840${ES256}`,
    keys: ['11'],
    toBeSigned: [`85695369676E61747572654043A101264054${CONTENT}`],
  },
  {
    title: 'RFC 9052 appendix C.1.2: multiple signers',
    cbor:
      `D8628440A054${CONTENT}828343A10126A1044231315840${ES256}` +
      '8344A1013823A104581E62696C626F2E62616767696E7340686F626269746F6E2E6578616D706C65588400A2D28A7C2BDB1587877420F65ADF7D0B9A06635DD1DE64BB62974C863F0B160DD2163734034E6AC003B01E8705524C5C4CA479A952F0247EE8CB0B4FB7397BA08D009E0C8BF482270CC5771AA143966E5A469A09F613488030C5B07EC6D722E3835ADB5B2D8C44E95FFB13877DD2582866883535DE3BB03D01753F83AB87BB4F7A0297',
    keys: ['11', 'bilbo.baggins@hobbiton.example'],
    toBeSigned: [
      `85695369676E61747572654043A101264054${CONTENT}`,
      `85695369676E61747572654044A10138234054${CONTENT}`,
    ],
  },
  {
    title: 'sign-tests/ecdsa-01: content type in the body header',
    cbor: `D8628443A10300A054${CONTENT}818343A10126A1044231315840D71C05DB52C9CE7F1BF5AAC01334BBEACAC1D86A2303E6EEAA89266F45C01ED602CA649EAF790D8BC99D2458457CA6A872061940E7AFBE48E289DFAC146AE258`,
    keys: ['11'],
    toBeSigned: [`85695369676E617475726543A1030043A101264054${CONTENT}`],
  },
  {
    title: 'eddsa-examples/eddsa-01: Ed25519',
    cbor: `D8628443A10300A054${CONTENT}818343A10127A104423131584077F3EACD11852C4BF9CB1D72FABE6B26FBA1D76092B2B5B7EC83B83557652264E69690DBC1172DDC0BF88411C0D25A507FDB247A20C40D5E245FABD3FC9EC106`,
    keys: ['ed25519'],
  },
];

/** Well-formed messages whose signature must not verify. */
export const BAD_SIGNATURE: readonly Vector[] = [
  {
    title: 'sign-fail-02: changed signature',
    cbor: `D8628440A054${CONTENT}818343A10126A1044231315840${ES256.slice(0, -2)}0B`,
    keys: ['11'],
  },
  {
    title: 'sign-fail-03: algorithm -999',
    cbor: `D8628440A054${CONTENT}818345A1013903E6A1044231315840${ES256}`,
    keys: ['11'],
  },
  {
    title: 'sign-fail-04: algorithm "unknown"',
    cbor: `D8628440A054${CONTENT}81834AA10167756E6B6E6F776EA1044231315840${ES256}`,
    keys: ['11'],
  },
  {
    title: 'sign-fail-06: added protected attribute',
    cbor: `D8628443A10300A054${CONTENT}818343A10126A1044231315840${ES256}`,
    keys: ['11'],
  },
];

/** Messages that are not COSE_Sign in strict CBOR at all. */
export const MALFORMED: readonly (readonly [string, string])[] = [
  [
    'sign-fail-01: tag 998',
    `D903E68440A054${CONTENT}818343A10126A1044231315840EAE868ECC176883766C5DC5BA5B8DCA25DAB3C2E56A551CE5705B793914348E14EEA4AEE6E0C9F09DB4EF3DDECA8F3506CD1A98A8FB64327BE470355C9657CE0`,
  ],
  [
    'sign-pass-03: no tag (optional in COSE, required here)',
    `8440A054${CONTENT}818343A10126A1044231315840EAE868ECC176883766C5DC5BA5B8DCA25DAB3C2E56A551CE5705B793914348E14EEA4AEE6E0C9F09DB4EF3DDECA8F3506CD1A98A8FB64327BE470355C9657CE0`,
  ],
  ['nothing', ''],
  ['trailing data', `D8628440A054${CONTENT}818343A10126A1044231315840${ES256}00`],
  ['cut short', `D8628440A054${CONTENT}818343A10126A1044231315840${ES256.slice(0, -2)}`],
  ['array of indefinite length', `D8629F40A054${CONTENT}818343A10126A1044231315840${ES256}FF`],
  ['signatures of indefinite length', `D8628440A054${CONTENT}9F8343A10126A1044231315840${ES256}FF`],
  ['payload in chunks', `D8628440A05F54${CONTENT}FF818343A10126A1044231315840${ES256}`],
  ['header of indefinite length', `D8628440A054${CONTENT}818343A10126BF04423131FF5840${ES256}`],
  ['no signatures', `D8628440A054${CONTENT}80`],
  ['signatures not an array', `D8628440A054${CONTENT}A0`],
  ['a signature of two items', `D8628440A054${CONTENT}818243A10126A0`],
  ['an array of three', `D8628340A054${CONTENT}`],
  ['protected header not a byte string', `D86284A0A054${CONTENT}818343A10126A1044231315840${ES256}`],
  ['protected header not a map', `D862844180A054${CONTENT}818343A10126A1044231315840${ES256}`],
  ['duplicate key in the unprotected header', `D8628440A054${CONTENT}818343A10126A2044231310442313140`],
  ['duplicate key in the protected header', `D8628440A054${CONTENT}818345A201260126A040`],
  ['label in both headers', `D8628440A054${CONTENT}818343A10126A1012640`],
  ['label that is a byte string', `D8628440A054${CONTENT}818343A10126A1410040`],
  ['alg not in its shortest form', `D8628440A054${CONTENT}818344A1013806A040`],
  ['length not in its shortest form', `D8628440A05814${CONTENT}818343A10126A040`],
  ['length of 2^64-1', 'D8628440A05BFFFFFFFFFFFFFFFF'],
  ['array of 2^32-1 items', 'D8628440A0F69AFFFFFFFF'],
  ['map of 2^32-1 items', 'D8628440BAFFFFFFFFF6'],
  ['nested ten deep', `D8628440A105${'81'.repeat(10)}00F6818343A10126A040`],
  ['nested ten thousand deep', '81'.repeat(10_000)],
  ['tags all the way down', 'C0'.repeat(10_000)],
  ['float', 'D8628440A105F97E00F6818343A10126A040'],
  ['text that is not UTF-8', 'D8628440A10561FFF6818343A10126A040'],
  ['reserved additional information', 'D8628440A0FC'],
];
