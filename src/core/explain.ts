/**
 * Explains the figures of a window: the part of each of its deployments in them, and why.
 *
 * Figures and parts use the same fold of `figures` as the samples; nothing is defined twice. Guarantees: the figures
 * cover the whole window, however few of its parts are kept.
 */

import { type IgnoreReason, ignoreReasons } from './classification.ts';
import { countBefore } from './count-before.ts';
import { compareDeployments, type Deployment, type Place } from './deployment.ts';
import { asOf } from './failures/incidents.ts';
import { changeLeadTime } from './figures/change-lead-time.ts';
import { type Delivery, deliveryOf } from './figures/delivery.ts';
import { earliest } from './figures/figure.ts';
import { type Fold, stateOf, stepFold } from './figures/fold.ts';
import { recoveryTime } from './figures/recovery-time.ts';
import { createFirstItems } from './first-items.ts';
import type { Incident } from './incident.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Window } from './policy.ts';
import type { Portions } from './portions.ts';
import type { Timeline } from './series/timeline.ts';
import type { MissedPart, Stop } from './stop.ts';
import type { Cause, Episode } from './verdict.ts';
import {
  contributionOf,
  contributionOfEpisode,
  createContentDraft,
  isWithin,
  type WindowContent,
} from './windows/window-content.ts';
import type { WindowFigures } from './windows/window-figures.ts';

/** Which of the window's pipelines are listed. */
export const listings = ['everything', 'deployments', 'failed'] as const;
export type Listing = (typeof listings)[number];

/** A series, a window, and a part of its list of pipelines. `repo`: the full name in any case. */
export interface ExplainRequest {
  readonly repo: string;
  readonly tier: string;
  readonly window: Window;
  /** End of the window, Unix seconds. */
  readonly at: number;
  /** Lists only pipelines before this place; `null`: begins with the latest. */
  readonly before: Place | null;
  /** Most pipelines to list, at least one. */
  readonly limit: number;
  readonly show: Listing;
}

/** `null`: there is no such series. */
export type Explain = (request: ExplainRequest) => Promise<Explanation | null>;

export interface Explanation {
  /** Current full name. */
  readonly repo: string;
  readonly tier: string;
  /** All tiers in which the repo is shown. */
  readonly tiers: readonly string[];
  readonly window: Window;
  readonly at: number;
  /** Figures of the whole window, not only of the listed pipelines. */
  readonly figures: WindowFigures;
  readonly withoutLeadTime: Explained['withoutLeadTime'];
  readonly failingSince: number;
  /** Number of the window's pipelines that do not count, by reason, the largest first. */
  readonly uncounted: readonly { readonly reason: UncountedReason; readonly pipelines: number }[];
  /** Counted or not, latest first. */
  readonly pipelines: readonly ExplainedPipeline[];
  /** Place of the last listed pipeline, for `before` of the next request; `null`: the list is complete. */
  readonly next: Place | null;
  /** The window's deployments for a chart, in order of time; the latest `mostDrawn` if there are more. */
  readonly drawn: readonly DrawnDeployment[];
  /** Episodes of failure and incidents that overlap the window, in order of their start. */
  readonly episodes: readonly Episode[];
  readonly incidents: readonly Incident[];
}

export interface DrawnDeployment extends Place {
  readonly causes: readonly Cause[];
  /** Seconds; at most `mostLeadTimes`. */
  readonly leadTimes: readonly number[];
}

const mostDrawn = 2_000;
/** Most lead times of one deployment in a chart. */
const mostLeadTimes = 50;

export const uncountedReasons = [...ignoreReasons, 'not_ended', 'unread', 'beyond_history'] as const;
/** `unread`: the service must still read its workflows. `beyond_history`: a deployment beyond known ground. */
export type UncountedReason = IgnoreReason | 'not_ended' | 'unread' | 'beyond_history';

export interface ExplainedPipeline {
  readonly place: Place;
  readonly record: PipelineRecord;
  /** Woodpecker's id of the repo; `null` if unknown. */
  readonly repoId: number | null;
  /** Its page in Woodpecker; `null` if there is none. */
  readonly url: string | null;
  readonly verdict:
    | { readonly kind: 'deployment'; readonly part: DeploymentPart }
    | { readonly kind: 'uncounted'; readonly reason: UncountedReason };
  /** Set if the reason is `not_reached`. */
  readonly missedPart?: MissedPart;
  /** The place where the pipeline, or the part that deploys, failed; not set if it did not, or if that is unknown. */
  readonly failedPart?: Stop;
}

/** The part of one deployment in the figures. */
export interface DeploymentPart {
  readonly deployment: Deployment;
  readonly episode: EpisodePart;
  /** Its commits and lead times; `null` if it failed. */
  readonly delivery: Delivery | null;
}

/** `since`: the first failure of the episode, Unix seconds. */
export type EpisodePart =
  | { readonly kind: 'none' }
  | { readonly kind: 'opened'; readonly since: number }
  | { readonly kind: 'continued'; readonly since: number }
  | { readonly kind: 'closed'; readonly since: number; readonly recoverySeconds: number };

export interface Explained {
  readonly content: WindowContent;
  /** Number of successful deployments without a lead time, by reason. */
  readonly withoutLeadTime: Readonly<Record<Exclude<Delivery['kind'], 'known'>, number>>;
  /** First failure of the episode that is open at the window's end, Unix seconds; 0 if none is open. */
  readonly failingSince: number;
  /** The latest first; one more than the limit if there are more. */
  readonly parts: readonly DeploymentPart[];
  /** The window's deployments beyond known ground, which are in no figure: their number, and the latest, as in `parts`. */
  readonly beyond: { readonly count: number; readonly latest: readonly Place[] };
  /** In order of time. */
  readonly drawn: readonly DrawnDeployment[];
  /** In order of their start. */
  readonly episodes: readonly Episode[];
}

export type Question = Pick<ExplainRequest, 'window' | 'at' | 'before' | 'limit' | 'show'>;

export interface Explaining {
  /** Adds the timeline of a repo that has the series' name, as it was known at the window's end. */
  add(timeline: Timeline): Portions<void>;
  finish(): Explained;
}

const deploymentsAtOnce = 500;

export function createExplaining({ window, at, before, limit, show }: Question): Explaining {
  const draft = createContentDraft();
  const withoutLeadTime = { nothing_new: 0, pending: 0, unknown: 0 };
  const latestFirst = (a: Place, b: Place) => compareDeployments(b, a);
  // One more than is listed shows whether there are more.
  const most = limit + 1;
  const parts = createFirstItems<DeploymentPart>(most, (a, b) => latestFirst(a.deployment, b.deployment));
  const beyond = createFirstItems<Place>(most, latestFirst);
  const drawn = createFirstItems<DrawnDeployment>(mostDrawn, latestFirst);
  const overlapping: Episode[] = [];
  let countBeyond = 0;
  let failingSince = 0;
  const isListed = (place: Place): boolean => !before || compareDeployments(place, before) < 0;

  const addDeployment = (deployment: Deployment, earlier: Fold, episodes: readonly Episode[]): void => {
    if (!isWithin(deployment, window, at)) return;
    const content = contributionOf(earlier, deployment);
    if (!content) {
      countBeyond++;
      if (show === 'everything' && isListed(deployment)) beyond.add(deployment);
      return;
    }
    draft.add(content);
    const delivery = deliveryOf(stateOf(earlier, changeLeadTime), deployment);
    if (delivery && delivery.kind !== 'known') withoutLeadTime[delivery.kind]++;
    drawn.add(toDrawn(deployment, delivery));
    const isFailed = deployment.verdict.causes.length > 0;
    if (!isListed(deployment) || (show === 'failed' && !isFailed)) return;
    parts.add({
      deployment: withIncidentsAsOf(deployment, at),
      episode: episodePartOf(episodes, deployment),
      delivery,
    });
  };

  return {
    *add({ base, recent, current, episodes }) {
      let fold = base;
      for (const [index, deployment] of recent.entries()) {
        addDeployment(deployment, fold, episodes);
        fold = stepFold(fold, deployment);
        if (index % deploymentsAtOnce === 0) yield;
      }
      for (const episode of episodes) {
        const { start, end } = episode;
        if (start <= at && (end === null || end > at - window.seconds)) overlapping.push(episode);
        if (end !== null && isWithin({ at: end }, window, at))
          draft.add(contributionOfEpisode({ start, end }));
      }
      const last = episodes.at(-1);
      const open = last?.end === null ? last.start : 0;
      failingSince = earliest([failingSince, open, stateOf(current, recoveryTime)]);
    },
    finish: () => ({
      content: draft.finish(),
      withoutLeadTime,
      failingSince,
      parts: parts.items(),
      beyond: { count: countBeyond, latest: beyond.items() },
      drawn: drawn.items().toReversed(),
      episodes: overlapping.toSorted((a, b) => a.start - b.start),
    }),
  };
}

/** An incident that ended after the window was open at its end. */
function withIncidentsAsOf(deployment: Deployment, at: number): Deployment {
  const { verdict } = deployment;
  const incidents = verdict.incidents.map((incident) => asOf(incident, at));
  return { ...deployment, verdict: { ...verdict, incidents } };
}

function toDrawn({ at, number, repo, verdict }: Deployment, delivery: Delivery | null): DrawnDeployment {
  const commits = delivery?.kind === 'known' ? delivery.commits.slice(0, mostLeadTimes) : [];
  const leadTimes = commits.map(({ leadTimeSeconds }) => leadTimeSeconds);
  return { at, number, repo, causes: verdict.causes, leadTimes };
}

function episodePartOf(episodes: readonly Episode[], { at, outcome, verdict }: Deployment): EpisodePart {
  const begun = countBefore(episodes, ({ start }) => start > at);
  const episode = episodes[begun - 1];
  if (!episode) return { kind: 'none' };
  const { start: since, end } = episode;
  if (outcome === 'success' && end === at && since < at) {
    return { kind: 'closed', since, recoverySeconds: at - since };
  }
  if (verdict.failure === null) return { kind: 'none' };
  return { kind: since === at ? 'opened' : 'continued', since };
}
