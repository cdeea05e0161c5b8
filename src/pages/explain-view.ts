/** What an explanation shows, as its address says it. */

import type { Listing } from '../core/explain.ts';
import { iso } from '../util/moment.ts';

export interface ExplainView {
  readonly repo: string;
  readonly tier: string;
  /** Its name. */
  readonly window: string;
  readonly show: Listing;
  /** Unix seconds; `null`: now. */
  readonly at: number | null;
}

/** The fields of its address; what is as usual is left out. */
export function explainFields({
  repo,
  tier,
  window,
  show,
  at,
}: ExplainView): Readonly<Record<string, string>> {
  return {
    ...{ repo, tier, window },
    ...(show !== 'everything' && { show }),
    ...(at !== null && { at: iso(at) }),
  };
}
