// Generated from schemas/ by `npm run generate`. Do not edit.
import config from '../../schemas/config.schema.json' with { type: 'json' };
import manifest from '../../schemas/manifest.schema.json' with { type: 'json' };
import serviceMap from '../../schemas/service-map.schema.json' with { type: 'json' };
import state from '../../schemas/state.schema.json' with { type: 'json' };

export const SCHEMAS = {
  'config': config,
  'manifest': manifest,
  'service-map': serviceMap,
  'state': state,
} as const;
