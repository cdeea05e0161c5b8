/** Orders deployments by the time at which they became known, for a replay without hindsight. */

import { type Deployment, knownAt } from '../deployment.ts';

/**
 * `slices` are in order of time. A deployment that became known more than `mostSeconds` after its finish counts as
 * known after `mostSeconds`, while its place in the timeline is still in memory.
 */
export async function* inKnownOrder(
  slices: AsyncIterable<readonly Deployment[]>,
  mostSeconds: number,
): AsyncGenerator<readonly Deployment[]> {
  /** Deployments that have finished and are not known yet; the next to become known is first. */
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
