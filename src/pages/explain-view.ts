/** What an explanation shows, as its address says it. */

import type { Listing } from '../core/explain.ts';
import { iso } from '../util/moment.ts';

export interface ExplainView {
  readonly repo: string;
  readonly tier: string;
  /** Its name. */
  readonly window: string;
  /** By default everything. */
  readonly show?: Listing;
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
    ...(show !== undefined && show !== 'everything' && { show }),
    ...(at !== null && { at: iso(at) }),
  };
}

/** Relative to the root. */
export function explainLink(view: ExplainView): string {
  return `explain?${new URLSearchParams(explainFields(view))}`;
}

/** To the list of its pipelines. */
export function listLink(view: ExplainView): string {
  return `${explainLink(view)}#pipelines`;
}
