/** Lists of deployments in order of time. */

import { countBefore } from '../count-before.ts';
import { compareDeployments, type Deployment, identityOf } from '../deployment.ts';

/** The earlier one. */
export function firstOf(a: Deployment | undefined, b: Deployment | undefined): Deployment | undefined {
  return a && b ? (isAfter(a, b) ? b : a) : (a ?? b);
}

export function isAfter(a: Deployment, b: Deployment): boolean {
  return compareDeployments(a, b) > 0;
}

/** `deployments` without `removed`; both lists are in order. */
export function without(
  deployments: readonly Deployment[],
  removed: readonly Deployment[],
): readonly Deployment[] {
  const left: Deployment[] = [];
  let copied = 0;
  for (const one of removed) {
    const place = countBefore(deployments, (other) => compareDeployments(other, one) >= 0);
    const found = deployments[place];
    if (!found || identityOf(found) !== identityOf(one)) continue;
    for (; copied < place; copied++) left.push(deployments[copied] as Deployment);
    copied = place + 1;
  }
  return copied === 0 ? deployments : left.concat(deployments.slice(copied));
}

/** `deployments` and `inserted`; both lists are in order. */
export function withInserted(
  deployments: readonly Deployment[],
  inserted: readonly Deployment[],
): readonly Deployment[] {
  const all: Deployment[] = [];
  let copied = 0;
  for (const one of inserted) {
    const place = countBefore(deployments, (other) => isAfter(other, one), copied);
    for (; copied < place; copied++) all.push(deployments[copied] as Deployment);
    all.push(one);
  }
  return all.concat(deployments.slice(copied));
}
