/** The fields of a deployment that the search for failures needs. */

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

/** Ids of the reverted commits, from the deployment's message and the messages of its commits. */
export function revertsOf({ reverts, change, commit }: Candidate): readonly string[] {
  const others = change?.head === commit ? change.range?.reverts : undefined;
  return others && others.length > 0 ? [...reverts, ...others] : reverts;
}
