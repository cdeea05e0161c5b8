/** The states of all figures, carried along a series of deployments together. */

import type { Deployment } from '../deployment.ts';
import { figures } from './index.ts';

/** State of each figure, in the order of `figures`. */
export type Fold = readonly unknown[];

/** The state after one more deployment, which must not be earlier than those before. */
export function stepFold(fold: Fold, deployment: Deployment): Fold {
  return figures.map((figure, index) => figure.step(fold[index], deployment));
}
