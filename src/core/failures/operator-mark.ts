/** Operators' marks on deployments. */

import type { Mark } from '../verdict.ts';

/** `ignore`: it does not count as a deployment, since not the change failed but the infrastructure, for example. */
export type OperatorMark = Mark | { readonly kind: 'ignore' };

export const markKinds = ['failed', 'fine', 'ignore'] as const satisfies readonly OperatorMark['kind'][];

export interface StoredMark {
  /** Key of the repo. */
  readonly repo: number;
  /** Number of the pipeline. */
  readonly number: number;
  readonly tier: string;
  readonly mark: OperatorMark;
  readonly reason: string | null;
  /** Unix seconds. */
  readonly markedAt: number;
}

export type MarkPlace = Pick<StoredMark, 'repo' | 'number' | 'tier'>;

export function markKey({ repo, number, tier }: MarkPlace): string {
  return `${repo}/${number}\n${tier}`;
}
