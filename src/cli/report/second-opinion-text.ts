import type { StoreState } from '../../store/store.ts';

/** What tuf-js said of the metadata when a generation was made; generations from before it was asked have nothing. */
export function secondOpinionText({ second_opinion: opinion }: StoreState): string {
  if (!opinion) return 'tuf-js was not asked';
  return opinion.verdict === 'agrees'
    ? 'tuf-js agrees'
    : `tuf-js cannot judge: ${opinion.reason ?? 'no reason was recorded'}`;
}
