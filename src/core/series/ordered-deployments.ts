/** Lists of deployments in order of time. */

import { countBefore } from '../count-before.ts';
import { compareDeployments, type Deployment, identityOf } from '../deployment.ts';

/** The earlier one. */
export function firstOf(a: Deployment | undefined, b: Deployment | undefined): Deployment | undefined {
  return a && b ? (isAfter(a, b) ? b : a) : (a ?? b);
}

/** The later one. */
export function lastOf(a: Deployment | undefined, b: Deployment | undefined): Deployment | undefined {
  return a && b ? (isAfter(a, b) ? a : b) : (a ?? b);
}

export function isAfter(a: Deployment, b: Deployment): boolean {
  return compareDeployments(a, b) > 0;
}

/** More are sorted at once, in linear time: a copy for each of them would take longer. */
const mostMovedSingly = 4;

/**
 * A new list of `deployments` without `removed` and with `inserted`; all three are in order. None of these is before
 * index `from`.
 */
export function withChange(
  deployments: readonly Deployment[],
  removed: readonly Deployment[],
  inserted: readonly Deployment[],
  from: number,
): Deployment[] {
  const places = removed.flatMap((one) => {
    const place = countBefore(deployments, (other) => compareDeployments(other, one) >= 0);
    const found = deployments[place];
    return found && identityOf(found) === identityOf(one) ? place : [];
  });
  if (places.length + inserted.length > mostMovedSingly) {
    const gone = new Set(places);
    const left = deployments.slice(from).filter((_, index) => !gone.has(from + index));
    return deployments.slice(0, from).concat(left.concat(inserted).sort(compareDeployments));
  }
  let all: Deployment[] | null = null;
  for (const place of places.toReversed()) all = (all ?? deployments).toSpliced(place, 1);
  for (const one of inserted) {
    const before = all ?? deployments;
    const place = countBefore(before, (other) => isAfter(other, one));
    all = before.toSpliced(place, 0, one);
  }
  return all ?? [...deployments];
}
