/** Additions of ended episodes of failure to the ledger: each episode adds once, even if it changes later. */

import { countBefore } from '../count-before.ts';
import type { Deployment } from '../deployment.ts';
import { episodeMeasures } from '../figures/index.ts';
import type { Portions } from '../portions.ts';
import { type EndedEpisode, type Episode, isEnded } from '../verdict.ts';
import { type Credit, episodeBits, neverCount } from './ledger.ts';
import type { Timeline } from './timeline.ts';

/** By index of the deployment. */
export type CreditsByPlace = ReadonlyMap<number, Credit>;

const episodesAtOnce = 500;

/** The refolded deployments, and the episodes before the change. */
interface Refolded {
  readonly start: number;
  readonly end: number;
  readonly known: readonly Episode[];
}

/**
 * Credits for the ended episodes that overlap the deployments from index `start` to before `end`, or at least the one
 * at `start`; and for all new episodes: an open one may have come apart, although its later deployments stay as they
 * are. The failed deployments of an episode, and the last deployment up to its end, get the ledger's bit; `deployments`
 * then contains their new versions. An episode adds nothing if one of them has the bit already. In a replay the bits are
 * inverted (see `toReplay`): an episode adds nothing if all of them have the bit.
 */
export function* creditEpisodes(
  episodes: Timeline['episodes'],
  deployments: Deployment[],
  { start, end, known }: Refolded,
  mode: 'add' | 'replay',
): Portions<CreditsByPlace> {
  const credits = new Map<number, Credit>();
  const firstAt = deployments[start]?.at ?? Number.POSITIVE_INFINITY;
  const lastAt = deployments[Math.max(start, end - 1)]?.at ?? Number.NEGATIVE_INFINITY;
  const begun = countBefore(episodes, (one) => one.end === null || one.end >= firstAt);
  const over = countBefore(episodes, (one) => one.start > lastAt);
  const due = new Set([...episodes.slice(begun, over), ...newAmong(episodes, known)]);
  for (const [place, episode] of [...due].entries()) {
    if (place % episodesAtOnce === 0) yield;
    if (!isEnded(episode)) continue;
    for (const [index, credit] of creditsFor(episode, deployments, mode)) {
      deployments[index] = credit.deployment;
      credits.set(index, joinCredits(credits.get(index), credit));
    }
  }
  return credits;
}

/** The episodes that are not in `known`. Both lists are in order, and share most of their objects at both ends. */
function newAmong(episodes: readonly Episode[], known: readonly Episode[]): readonly Episode[] {
  let from = 0;
  while (from < episodes.length && episodes[from] === known[from]) from++;
  let until = episodes.length;
  const more = episodes.length - known.length;
  while (until > from && episodes[until - 1] === known[until - 1 - more]) until--;
  return episodes.slice(from, until).filter(({ start, end }) => {
    const before = known[countBefore(known, (one) => one.start >= start)];
    return before?.start !== start || before.end !== end;
  });
}

/** Joins two credits of one deployment; `later` has the bits of both. */
export function joinCredits(earlier: Credit | undefined, later: Credit): Credit {
  if (!earlier) return later;
  return { deployment: later.deployment, additions: [...earlier.additions, ...later.additions] };
}

/** By index of the deployment; only the credit of the last one has additions. */
function creditsFor(
  episode: EndedEpisode,
  deployments: readonly Deployment[],
  mode: 'add' | 'replay',
): CreditsByPlace {
  const credits = new Map<number, Credit>();
  const last = countBefore(deployments, ({ at }) => at > episode.end) - 1;
  const lastOne = deployments[last];
  // Nearly all episodes have been added already. `neverCount` contains their bits, too.
  if (!lastOne || (mode === 'add' && (lastOne.credited & episodeBits) === episodeBits)) return credits;
  const first = countBefore(deployments, ({ at }) => at >= episode.start);
  const members = deployments.slice(first, last + 1);
  if (members.some(({ verdict }) => verdict.isProvisional)) return credits;
  const failed = members.flatMap(({ verdict }, place) => (verdict.failure ? [first + place] : []));
  const carriers = [...new Set([...failed, last])].filter(
    (index) => deployments[index]?.credited !== neverCount,
  );
  // Failed deployments that have left memory ended with a deployment, too.
  const endings = members.flatMap(({ verdict: { failure } }) =>
    failure?.end === episode.end ? failure.endedBy : [],
  );
  const endsWithDeployment = endings.length === 0 || endings.includes('deployment');
  // Several deployments may finish in the episode's last second: another one may have got the bit before.
  const enders = members.flatMap(({ at, credited }, place) =>
    endsWithDeployment && at === episode.end && credited !== neverCount ? [first + place] : [],
  );
  const credit = (index: number, more: Credit): void => {
    credits.set(index, joinCredits(credits.get(index), more));
  };
  const nowAt = (index: number) => credits.get(index)?.deployment ?? (deployments[index] as Deployment);
  for (const { ledger, secondsOf } of episodeMeasures) {
    const hasBit = (index: number) => (nowAt(index).credited & ledger.bit) !== 0;
    const wasAdded = mode === 'add' ? [...carriers, ...enders].some(hasBit) : carriers.every(hasBit);
    if (wasAdded) continue;
    for (const index of carriers) {
      const one = nowAt(index);
      credit(index, { deployment: { ...one, credited: one.credited | ledger.bit }, additions: [] });
    }
    const addition = { metric: ledger.metric, amount: secondsOf(episode) };
    credit(last, { deployment: nowAt(last), additions: [addition] });
  }
  return credits;
}
