/** Why a deployment counts as failed. */

import type { Deployment } from './deployment.ts';

export const causes = ['pipeline', 'rollback', 'fix', 'incident', 'operator'] as const;
export type Cause = (typeof causes)[number];

/** Empty if it did not fail. */
export function causesOf({ outcome }: Deployment): readonly Cause[] {
  return outcome === 'failure' ? ofPipeline : none;
}

const ofPipeline: readonly Cause[] = ['pipeline'];
const none: readonly Cause[] = [];
