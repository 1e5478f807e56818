import { delimiter } from 'node:path';
import { maskProxy, maskUrl } from '../base/safety/masked-url.ts';
import type { Config, ConfigKey } from './config.ts';
import type { ProxySetting } from './network.ts';

const masked = (proxy: ProxySetting | undefined): string | null =>
  proxy === undefined ? null : maskProxy(proxy.address);

type Value = string | number | boolean | readonly string[] | null;

/** The effective values under the names that they have in the file, in the order of the documentation. */
export function configValues(config: Config): Record<ConfigKey, Value> {
  return {
    enabled: config.enabled,
    tuf_url: config.tufUrls.length > 0 ? config.tufUrls.map(maskUrl) : null,
    targets_url: config.targetsUrl === undefined ? null : maskUrl(config.targetsUrl),
    prefix_targets_with_hash: config.prefixTargetsWithHash,
    repositories: [...config.repositories].map(([name, { tufUrls }]) =>
      [name, ...tufUrls.map(maskUrl)].join(' '),
    ),
    refresh_interval_minutes: config.refreshIntervalMinutes,
    freshness_threshold_days: config.freshnessThresholdDays,
    freshness_warn_days: config.freshnessWarnDays,
    offline_mode: config.offlineMode,
    local_cache_path: config.localCachePath ?? null,
    service_map_target: config.serviceMapTarget,
    service_map_file: config.serviceMapFile ?? null,
    rekor_key_targets: config.rekorKeyTargets,
    trust_roles: config.trustRoles,
    environment: config.environment ?? null,
    bundle_key_targets: config.bundleKeyTargets,
    bundle_key_threshold: config.bundleKeyThreshold,
    require_identity: config.requireIdentity,
    signing_key: config.signingKey ?? null,
    tlog_policy: config.tlogPolicy ?? null,
  };
}

export function networkValues({ network }: Config): Record<string, Value> {
  return {
    retries: network.retries,
    request_timeout_seconds: network.requestTimeout / 1000,
    stall_timeout_seconds: network.stallTimeout / 1000,
    http_proxy: masked(network.proxy.http),
    https_proxy: masked(network.proxy.https),
    no_proxy: network.proxy.except ?? null,
    ca_file: network.caFile ?? null,
    ssl_cert_file: network.systemAuthorities.file ?? null,
    ssl_cert_dir: network.systemAuthorities.directories?.join(delimiter) ?? null,
    client_certificate: network.clientCertificate ?? null,
    client_key: network.clientKey ?? null,
    bearer_token_file: network.bearerTokenFile ?? null,
    bearer_token_command: network.bearerTokenCommand ?? null,
    user_agent: network.userAgent ?? null,
  };
}
