// Generated from schemas/ by `npm run generate`. Do not edit.
import attestationList from '../../schemas/attestation-list.schema.json' with { type: 'json' };
import config from '../../schemas/config.schema.json' with { type: 'json' };
import exports from '../../schemas/exports.schema.json' with { type: 'json' };
import log from '../../schemas/log.schema.json' with { type: 'json' };
import logOrigins from '../../schemas/log-origins.schema.json' with { type: 'json' };
import manifest from '../../schemas/manifest.schema.json' with { type: 'json' };
import ociAuthFile from '../../schemas/oci-auth-file.schema.json' with { type: 'json' };
import ociHelperAnswer from '../../schemas/oci-helper-answer.schema.json' with { type: 'json' };
import ociIndex from '../../schemas/oci-index.schema.json' with { type: 'json' };
import ociManifest from '../../schemas/oci-manifest.schema.json' with { type: 'json' };
import ociTags from '../../schemas/oci-tags.schema.json' with { type: 'json' };
import ociToken from '../../schemas/oci-token.schema.json' with { type: 'json' };
import ociUpload from '../../schemas/oci-upload.schema.json' with { type: 'json' };
import parts from '../../schemas/parts.schema.json' with { type: 'json' };
import policy from '../../schemas/policy.schema.json' with { type: 'json' };
import receipt from '../../schemas/receipt.schema.json' with { type: 'json' };
import rekorV1Log from '../../schemas/rekor-v1-log.schema.json' with { type: 'json' };
import rekorV1Proof from '../../schemas/rekor-v1-proof.schema.json' with { type: 'json' };
import repoSettings from '../../schemas/repo-settings.schema.json' with { type: 'json' };
import serviceMap from '../../schemas/service-map.schema.json' with { type: 'json' };
import shard from '../../schemas/shard.schema.json' with { type: 'json' };
import skipped from '../../schemas/skipped.schema.json' with { type: 'json' };
import stagedChange from '../../schemas/staged-change.schema.json' with { type: 'json' };
import state from '../../schemas/state.schema.json' with { type: 'json' };
import sync from '../../schemas/sync.schema.json' with { type: 'json' };
import verdict from '../../schemas/verdict.schema.json' with { type: 'json' };

export const SCHEMAS = {
  'attestation-list': attestationList,
  'config': config,
  'exports': exports,
  'log': log,
  'log-origins': logOrigins,
  'manifest': manifest,
  'oci-auth-file': ociAuthFile,
  'oci-helper-answer': ociHelperAnswer,
  'oci-index': ociIndex,
  'oci-manifest': ociManifest,
  'oci-tags': ociTags,
  'oci-token': ociToken,
  'oci-upload': ociUpload,
  'parts': parts,
  'policy': policy,
  'receipt': receipt,
  'rekor-v1-log': rekorV1Log,
  'rekor-v1-proof': rekorV1Proof,
  'repo-settings': repoSettings,
  'service-map': serviceMap,
  'shard': shard,
  'skipped': skipped,
  'staged-change': stagedChange,
  'state': state,
  'sync': sync,
  'verdict': verdict,
} as const;
