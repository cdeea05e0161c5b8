/** Parts of figures that are a share of all deployments; the less, the better. */

import type { FigureScore } from './shown-figure.ts';

/** From 0 to 1; `null` without a deployment, since 0 would say that all is well. */
export function shareOf(part: number, deployments: number): number | null {
  return deployments === 0 ? null : part / deployments;
}

export function scoreShare(share: number | null): FigureScore | null {
  return share === null ? null : { score: 10 - share * 10, class: null };
}

/** `kind`: an adjective, such as "failed". */
export function shareDetail(part: number, deployments: number, kind: string): string {
  return deployments === 0 ? 'no deployment in the window' : `${part} of ${deployments} ${kind}`;
}

export function shareExplanation(part: number, deployments: number, kind: string): string {
  return deployments === 0 ? 'no deployment to divide by' : `${part} of ${deployments} ${kind}`;
}
