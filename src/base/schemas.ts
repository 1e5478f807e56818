// Generated from schemas/ by `npm run generate`. Do not edit.
import manifest from '../../schemas/manifest.schema.json' with { type: 'json' };
import serviceMap from '../../schemas/service-map.schema.json' with { type: 'json' };

export const SCHEMAS = {
  manifest: manifest,
  'service-map': serviceMap,
} as const;
