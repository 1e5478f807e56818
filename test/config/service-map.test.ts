import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatServiceMap, parseServiceMap, resolveServices } from '../../src/config/service-map.ts';
import { refusal } from '../support/errors.ts';

const guideMap = {
  version: 1,
  rekor: {
    url: 'https://rekor.sigstore.dev',
    log_id: 'c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d',
    public_key_target: 'rekor-key-v1',
  },
  fulcio: { url: 'https://fulcio.sigstore.dev', root_cert_target: 'fulcio-chain.pem' },
  overrides: { staging: { rekor_url: 'https://rekor.sigstage.dev' } },
};
const parse = (value: unknown) => parseServiceMap(Buffer.from(JSON.stringify(value)), 'map.json');

test('the map of the guide is read as it is', () => {
  const endpoints = resolveServices(parse(guideMap), undefined);
  expect(endpoints.logs).toEqual([
    {
      url: 'https://rekor.sigstore.dev',
      logId: guideMap.rekor.log_id,
      publicKeyTarget: 'rekor-key-v1',
      api: undefined,
      origin: undefined,
      source: 'service map',
    },
  ]);
  expect(endpoints.fulcio).toMatchObject({ url: 'https://fulcio.sigstore.dev', target: 'fulcio-chain.pem' });
});

test('an environment replaces what its override names and nothing else', () => {
  const { logs, fulcio } = resolveServices(parse(guideMap), 'staging');
  expect(logs[0]).toMatchObject({
    url: 'https://rekor.sigstage.dev',
    publicKeyTarget: 'rekor-key-v1',
    source: 'override staging',
  });
  expect(fulcio?.source).toBe('service map');
});

test('further shards follow after rekor', () => {
  const map = parse({
    ...guideMap,
    logs: [{ url: 'https://log2025.example/', api: 'tiles', origin: 'log2025.example' }],
  });
  expect(resolveServices(map, undefined).logs.map((log) => log.url)).toEqual([
    'https://rekor.sigstore.dev',
    'https://log2025.example/',
  ]);
});

describe('refused', () => {
  test.each([
    ['another version', { ...guideMap, version: 2 }, 'version'],
    ['an unknown field', { ...guideMap, rekr: {} }, 'rekr'],
    [
      'a log id in upper case',
      { ...guideMap, rekor: { ...guideMap.rekor, log_id: 'C0'.repeat(32) } },
      'log_id',
    ],
    ['a URL that is none', { ...guideMap, fulcio: { url: 'https://[' } }, 'fulcio.url'],
    ['a scheme that is not supported', { ...guideMap, fulcio: { url: 'javascript:x' } }, 'fulcio.url'],
    ['a list', [], 'document'],
  ])('%s, naming the field', async (_, value, named) => {
    const error = await refusal('SERVICE_MAP_INVALID', () => parse(value));
    expect(error.message).toContain('map.json');
    expect(error.message).toContain(named);
  });

  test('an environment that the map does not have, naming the nearest', async () => {
    const error = await refusal('ENVIRONMENT_UNKNOWN', () => resolveServices(parse(guideMap), 'stagng'));
    expect(error.hints).toEqual(['did you mean staging?']);
    await refusal('ENVIRONMENT_UNKNOWN', () => resolveServices(parse(guideMap), 'constructor'));
  });

  test('an override of a service that has no URL', async () => {
    const map = parse({ version: 1, overrides: { x: { rekor_origin: 'o' } } });
    await refusal('SERVICE_MAP_INVALID', () => resolveServices(map, 'x'));
  });
});

test('parse and format are inverse, and any bytes give a map or SERVICE_MAP_INVALID', () => {
  expect(parseServiceMap(formatServiceMap(parse(guideMap)), 'map')).toEqual(guideMap);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json().map((text) => Buffer.from(text)),
        fc.uint8Array(),
      ),
      (bytes) => {
        try {
          resolveServices(parseServiceMap(bytes, 'm'), undefined);
        } catch (error) {
          expect(error).toMatchObject({ code: 'SERVICE_MAP_INVALID' });
        }
      },
    ),
    { numRuns: 200 },
  );
});
