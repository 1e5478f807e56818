import type { Command } from 'commander';
import { type ConfigKey, loadConfig } from '../../../config/config.ts';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatTable } from '../../terminal/output.ts';

export function registerConfigShow(group: Command, cli: Cli): void {
  const command = cli.command(group, 'show', 'the effective configuration, and where each value comes from');
  cli.action<object, []>(command, async (run) => {
    const { configValues, networkValues } = await import('../../../config/values.ts');
    const alone = loadConfig({ file: run.options.config, env: run.io.env, cwd: run.io.cwd });
    // What the store remembers counts too, where there is a place for one.
    const config =
      alone.localCachePath === undefined
        ? alone
        : openTrustSetting(run, {}, { remember: 'if-readable' }).config;
    const values = configValues(config);
    const from = (key: ConfigKey) => {
      const { source, where } = config.origins[key];
      return where === undefined ? source : `${source} ${where}`;
    };
    const keys = Object.keys(values) as (keyof typeof values)[];
    const shown = (value: unknown) =>
      value === null
        ? 'none'
        : Array.isArray(value)
          ? value.join(', ')
          : typeof value === 'string'
            ? value
            : JSON.stringify(value);
    return {
      json: {
        file: config.file ?? null,
        values,
        network: networkValues(config),
        origins: config.origins,
      },
      text: [
        `configuration file: ${config.file ?? 'none'}`,
        formatTable([['KEY', 'VALUE', 'FROM'], ...keys.map((key) => [key, shown(values[key]), from(key)])]),
        '',
        'network',
        formatTable(Object.entries(networkValues(config)).map(([key, value]) => [key, shown(value)])),
      ].join('\n'),
    };
  });
}
