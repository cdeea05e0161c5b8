/** What a search for failures needs to know of a deployment. */

import type { Deployment } from '../deployment.ts';

export type Candidate = Pick<
  Deployment,
  | 'number'
  | 'at'
  | 'startedAt'
  | 'outcome'
  | 'commit'
  | 'event'
  | 'branch'
  | 'ref'
  | 'isRestart'
  | 'reverts'
  | 'isRework'
  | 'change'
  | 'mark'
>;

/** Every commit that its message, or that of a commit it brings, says it reverts. */
export function revertsOf({ reverts, change, commit }: Candidate): readonly string[] {
  const others = change?.head === commit ? change.range?.reverts : undefined;
  return others && others.length > 0 ? [...reverts, ...others] : reverts;
}
