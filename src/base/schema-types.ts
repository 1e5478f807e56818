// Generated from schemas/ by `npm run generate`. Do not edit.

export type ManifestSha256 = string;
export type ManifestInstant = string;
export type ManifestTreeSize = number;

/**
 * manifest.json of a sealed bundle, format v1
 */
export interface Manifest {
  format: 'stella-bundle/v1';
  /**
   * When the producer sealed the bundle; every age is counted from it
   */
  sealed_at: string;
  /**
   * The producer's export counter
   */
  sequence: number;
  producer: {
    name: string;
    version: string;
  };
  /**
   * The producer's advice; a consumer's window is never wider for it
   */
  stale_after_days: number;
  tuf: {
    url: string;
    first_root: number;
    /**
     * By role name: root, timestamp, snapshot, targets and every delegated role
     */
    roles: {
      [k: string]: ManifestRole;
    };
  };
  service_map_target: string | null;
  /**
   * @maxItems 1000
   */
  logs: ManifestLog[];
  base?: {
    sequence: number;
    manifest_sha256: ManifestSha256;
  };
  /**
   * The names that carried attestations had on the connected side
   *
   * @maxItems 500000
   */
  attestations?: {
    name: string;
    sha256: ManifestSha256;
  }[];
  /**
   * @maxItems 500000
   */
  entries: ManifestEntry[];
  /**
   * RFC 6962 Merkle root over the entries' canonical JSON
   */
  entries_root: string;
}
export interface ManifestRole {
  version: number;
  sha256: ManifestSha256;
  expires: ManifestInstant;
}
export interface ManifestLog {
  origin: string;
  url: string;
  log_id: ManifestSha256;
  tree_size: ManifestTreeSize;
  root_hash: ManifestSha256;
  /**
   * The lowest entry whose inclusion is provable from these tiles
   */
  first_index: number;
  /**
   * Tree sizes whose consistency with tree_size is provable from these tiles
   *
   * @maxItems 10000
   */
  consistent_from: ManifestTreeSize[];
}
export interface ManifestEntry {
  path: string;
  size: number;
  sha256: ManifestSha256;
}

export type ServiceMapUrl = string;
export type ServiceMapLogId = string;
export type ServiceMapTarget = string;

/**
 * The service map target, version 1: where the Sigstore services are
 */
export interface ServiceMap {
  version: 1;
  rekor?: ServiceMapLog;
  fulcio?: {
    url: ServiceMapUrl;
    root_cert_target?: ServiceMapTarget;
  };
  tsa?: {
    url: ServiceMapUrl;
    cert_chain_target?: ServiceMapTarget;
  };
  ctlog?: {
    url: ServiceMapUrl;
    log_id?: ServiceMapLogId;
    public_key_target?: ServiceMapTarget;
  };
  /**
   * @maxItems 1000
   */
  logs?: ServiceMapLog[];
  /**
   * By environment: values that replace the ones above
   */
  overrides?: {
    [k: string]: {
      rekor_url?: ServiceMapUrl;
      rekor_log_id?: ServiceMapLogId;
      rekor_public_key_target?: ServiceMapTarget;
      rekor_origin?: string;
      rekor_api?: 'tiles' | 'v1';
      fulcio_url?: ServiceMapUrl;
      fulcio_root_cert_target?: ServiceMapTarget;
      tsa_url?: ServiceMapUrl;
      ctlog_url?: ServiceMapUrl;
    };
  };
}
export interface ServiceMapLog {
  url: ServiceMapUrl;
  log_id?: ServiceMapLogId;
  public_key_target?: ServiceMapTarget;
  /**
   * What the log serves; found out by asking when absent
   */
  api?: 'tiles' | 'v1';
  origin?: string;
}

export interface SchemaTypes {
  manifest: Manifest;
  'service-map': ServiceMap;
}
