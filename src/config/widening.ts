import { type Config, type ConfigKey, DEFAULTS } from './config.ts';
import type { UsedConfiguration, Widening } from './used-configuration.ts';

/** What of a configuration is in force and laxer than the default. */
export function wideningsOf(config: Config): Widening[] {
  const { freshnessThresholdDays, trustRoles, serviceMapFile, origins } = config;
  const widening = (key: ConfigKey, value: string, usual: string): Widening => ({
    key,
    value,
    usual,
    where: origins[key].where ?? origins[key].source,
  });
  const usualDays = DEFAULTS.freshness_threshold_days;
  return [
    ...(freshnessThresholdDays > usualDays
      ? [widening('freshness_threshold_days', String(freshnessThresholdDays), String(usualDays))]
      : []),
    ...(trustRoles.length > 0 ? [widening('trust_roles', trustRoles.join(', '), 'none')] : []),
    ...(serviceMapFile === undefined
      ? []
      : [widening('service_map_file', serviceMapFile, 'the signed target')]),
  ];
}

/** What to say about the configuration wherever trust is judged. */
export function usedConfiguration(config: Config): UsedConfiguration {
  return { file: config.file ?? null, widened: wideningsOf(config) };
}
