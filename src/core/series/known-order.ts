/** Deployments in the order in which they became known, for whoever goes through the past without hindsight. */

import { type Deployment, knownAt } from '../deployment.ts';

/**
 * `slices` are in order of time. What became known more than `mostSeconds` after its finish is taken as known by then, so
 * that memory still has its place.
 */
export async function* inKnownOrder(
  slices: AsyncIterable<readonly Deployment[]>,
  mostSeconds: number,
): AsyncGenerator<readonly Deployment[]> {
  /** Finished and not known yet, the next to become known first. */
  const waiting: Deployment[] = [];
  for await (const slice of slices) {
    const known: Deployment[] = [];
    for (const deployment of slice) {
      for (let next = waiting[0]; next && knownAt(next) <= deployment.at; next = waiting[0]) {
        known.push(next);
        waiting.shift();
      }
      if (deployment.knownAfterSeconds === 0) {
        known.push(deployment);
        continue;
      }
      const late = deployment.knownAfterSeconds > mostSeconds;
      const one = late ? { ...deployment, knownAfterSeconds: mostSeconds } : deployment;
      const place = waiting.findIndex((other) => knownAt(other) > knownAt(one));
      waiting.splice(place === -1 ? waiting.length : place, 0, one);
    }
    yield known;
  }
  yield waiting;
}
