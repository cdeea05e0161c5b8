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
import { changeLeadTime, type Delivery, deliveryOf } from './figures/change-lead-time.ts';
import { earliest } from './figures/figure.ts';
import { type Fold, stateOf, stepFold } from './figures/fold.ts';
import { recoveryTime } from './figures/recovery-time.ts';
import type { Incident } from './incident.ts';
import type { MissedPart } from './missed-part.ts';
import type { Stop } from './parts.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Window } from './policy.ts';
import { type Cause, type Episode, isEnded } from './verdict.ts';
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
  /** By default everything. */
  readonly show?: Listing;
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

export const mostDrawn = 2_000;
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
  /** In order of time; the latest ones if there are more than `most`. */
  readonly parts: readonly DeploymentPart[];
  /**
   * The window's deployments beyond known ground, which are in no figure: their number, and the latest in order of
   * time.
   */
  readonly beyond: { readonly count: number; readonly latest: readonly Place[] };
  readonly drawn: readonly DrawnDeployment[];
  readonly episodes: readonly Episode[];
}

export interface Question {
  /** Length of the window. */
  readonly seconds: number;
  /** Its end, Unix seconds. */
  readonly at: number;
  /** Keeps only parts before this place; `null`: all parts. */
  readonly before: Place | null;
  /** Most parts to keep, at least one. */
  readonly most: number;
  /** By default everything. */
  readonly show?: Listing | undefined;
}

export interface Explaining {
  /** Adds the next deployment in order of time. It must be judged, and not later than the window's end. */
  add(deployment: Deployment): void;
  finish(): Explained;
}

/**
 * Explains one repo's deployments. `start`: the state before the first added one, at or before the window's begin.
 * `episodes`: episodes of failure, as known at the window's end.
 */
export function createExplaining(
  start: Fold,
  episodes: readonly Episode[],
  { seconds, at, before, most, show = 'everything' }: Question,
): Explaining {
  const draft = createContentDraft();
  const withoutLeadTime = { nothing_new: 0, pending: 0, unknown: 0 };
  let fold = start;
  let parts: DeploymentPart[] = [];
  let beyond: Place[] = [];
  let drawn: DrawnDeployment[] = [];
  let countBeyond = 0;
  const isListed = (place: Place): boolean => !before || compareDeployments(place, before) < 0;
  return {
    add(deployment) {
      const earlier = fold;
      fold = stepFold(fold, deployment);
      if (!isWithin(deployment, { seconds }, at)) return;
      const content = contributionOf(earlier, deployment);
      if (!content) {
        countBeyond++;
        if (show === 'everything' && isListed(deployment)) beyond.push(deployment);
        if (beyond.length >= 2 * most) beyond = beyond.slice(-most);
        return;
      }
      draft.add(content);
      const delivery = deliveryOf(stateOf(earlier, changeLeadTime), deployment);
      if (delivery && delivery.kind !== 'known') withoutLeadTime[delivery.kind]++;
      drawn.push(toDrawn(deployment, delivery));
      if (drawn.length >= 2 * mostDrawn) drawn = drawn.slice(-mostDrawn);
      const isFailed = deployment.verdict.causes.length > 0;
      if (!isListed(deployment) || (show === 'failed' && !isFailed)) return;
      parts.push({
        deployment: withIncidentsAsOf(deployment, at),
        episode: episodePartOf(episodes, deployment),
        delivery,
      });
      if (parts.length >= 2 * most) parts = parts.slice(-most);
    },
    finish() {
      for (const episode of episodes.filter(isEnded)) {
        if (isWithin({ at: episode.end }, { seconds }, at)) draft.add(contributionOfEpisode(episode));
      }
      const last = episodes.at(-1);
      const open = last && !isEnded(last) ? last.start : 0;
      return {
        content: draft.finish(),
        withoutLeadTime,
        failingSince: earliest([open, stateOf(fold, recoveryTime)]),
        parts: parts.slice(-most),
        beyond: { count: countBeyond, latest: beyond.slice(-most) },
        drawn: drawn.slice(-mostDrawn),
        episodes: episodes.filter(({ start, end }) => start <= at && (end === null || end > at - seconds)),
      };
    },
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
