/**
 * The exact figures of one series over the policy's windows.
 *
 * A window is (now - w, now]. Guarantees: its content is a function of the timelines and `now` alone, and the same for
 * every later `now` before `validUntil`.
 */

import { countBefore } from '../count-before.ts';
import type { Deployment } from '../deployment.ts';
import type { WindowMetric } from '../figures/figure.ts';
import { type Fold, stepFold } from '../figures/fold.ts';
import { episodeMeasures, figures } from '../figures/index.ts';
import { createKeptBeside } from '../kept-beside.ts';
import { counts, isOnKnownGround } from '../known-ground.ts';
import type { Window } from '../policy.ts';
import { type Chunk, chunksOf } from '../series/chunks.ts';
import type { Timeline } from '../series/timeline.ts';
import { type EndedEpisode, isEnded } from '../verdict.ts';
import { createValuesDraft, noValues, toValues, type Values, type ValuesDraft } from './values.ts';

/** The content of each window of a series, in the order of the policy. */
export interface SeriesWindows {
  readonly windows: readonly WindowContent[];
  /** Whether any window, so also the longest, contains a deployment: the windows are shown only then. */
  readonly isAny: boolean;
  /** Unix seconds at which the content next changes by itself; infinite if only a changed timeline can change it. */
  readonly validUntil: number;
}

export interface WindowContent {
  /** Number of deployments on known ground. */
  readonly known: number;
  /** In the order of `windowCounts`. */
  readonly counts: readonly number[];
  /** In the order of `windowDistributions`. */
  readonly samples: readonly Values[];
}

type Of<T extends WindowMetric['type']> = Extract<WindowMetric, { type: T }>;

const measures = figures.flatMap((figure, index) =>
  figure.measures.flatMap((measure) =>
    measure.window ? [{ index, measure, window: measure.window }] : ([] as never[]),
  ),
);
const countMeasures = measures.filter(({ window }) => window.type === 'count');
const distributionMeasures = measures.filter(({ window }) => window.type === 'distribution');
const places = distributionMeasures.length + episodeMeasures.length;

export const windowCounts = countMeasures.map(({ window }) => window as Of<'count'>);
/** The distributions over deployments, then those over episodes. */
export const windowDistributions = [
  ...distributionMeasures.map(({ window }) => window as Of<'distribution'>),
  ...episodeMeasures.map(({ window }) => window),
];
export const windowQuantiles: readonly number[] = [0.5, 0.95];

/** What one deployment adds to a window; `null`: it counts in no window. `before`: the state just before it. */
export function contributionOf(before: Fold, deployment: Deployment): WindowContent | null {
  const { ground, states } = before;
  if (!counts(ground, deployment)) return null;
  const valuesOf = ({ measure, index }: (typeof measures)[number]) =>
    measure.values(states[index], deployment);
  return {
    known: Number(isOnKnownGround(ground, deployment)),
    counts: countMeasures.map((one) => total(valuesOf(one))),
    samples: [
      ...distributionMeasures.map((one) => toValues(valuesOf(one))),
      ...episodeMeasures.map(() => noValues),
    ],
  };
}

/** The content that an ended episode adds to each window that contains its end. */
export function contributionOfEpisode(episode: EndedEpisode): WindowContent {
  return {
    ...emptyContent,
    samples: [
      ...distributionMeasures.map(() => noValues),
      ...episodeMeasures.map(({ secondsOf }) => toValues([secondsOf(episode)])),
    ],
  };
}

/** The content of a window without a deployment. */
export const emptyContent: WindowContent = {
  known: 0,
  counts: windowCounts.map(() => 0),
  samples: windowDistributions.map(() => noValues),
};

/** `timelines`: one for each repo that has the series' name. `now` in Unix seconds. */
export function windowsOf(
  timelines: readonly Timeline[],
  windows: readonly Window[],
  now: number,
): SeriesWindows {
  const drafts = windows.map(({ seconds }) => ({ seconds, ...createContentDraft() }));
  let validUntil = Number.POSITIVE_INFINITY;
  let isAny = false;
  for (const timeline of timelines) {
    const { base, recent } = timeline;
    const first = countBefore(recent, (deployment) => counts(base.ground, deployment));
    const end = countBefore(recent, ({ at }) => at > now);
    // If a clock ran ahead, a deployment lies in the future: it enters the windows at its own time.
    validUntil = Math.min(validUntil, recent[end]?.at ?? Number.POSITIVE_INFINITY);
    for (const { seconds, add } of drafts) {
      const begin = Math.max(
        first,
        countBefore(recent, ({ at }) => at > now - seconds),
      );
      const oldest = recent[begin];
      if (!oldest || begin >= end) continue;
      isAny = true;
      validUntil = Math.min(validUntil, oldest.at + seconds);
      for (const content of contentsBetween(timeline, begin, end)) add(content);
    }
    const { episodes } = timeline;
    const oldest = now - Math.max(0, ...windows.map(({ seconds }) => seconds));
    for (let place = countBefore(episodes, ({ end }) => end === null || end > oldest); ; place++) {
      const episode = episodes[place];
      if (!episode || !isEnded(episode)) break;
      if (episode.end > now) validUntil = Math.min(validUntil, episode.end);
      for (const { seconds, add } of drafts) {
        if (!isWithin({ at: episode.end }, { seconds }, now)) continue;
        validUntil = Math.min(validUntil, episode.end + seconds);
        add(contributionOfEpisode(episode));
      }
    }
  }
  return { windows: drafts.map((draft) => draft.finish()), isAny, validUntil };
}

/** Computes the content of each chunk of a timeline, one chunk per step, and caches it for `windowsOf`. */
export function* prepareWindows(timeline: Timeline): Generator<void, void, void> {
  for (const chunk of chunksOf(timeline)) {
    if (contentByChunk.get(chunk.identity)) continue;
    contentOf(chunk);
    yield;
  }
}

const contentByChunk = createKeptBeside<Chunk['identity'], WindowContent>('content');

/** The content of a whole chunk. */
function contentOf(chunk: Chunk): WindowContent {
  const known = contentByChunk.get(chunk.identity);
  if (known) return known;
  const content = contentOfPart(chunk, 0, chunk.deployments.length);
  contentByChunk.set(chunk.identity, content);
  return content;
}

function contentOfPart({ before, deployments }: Chunk, begin: number, end: number): WindowContent {
  const draft = createContentDraft();
  let fold = before;
  for (let place = 0; place < end; place++) {
    const deployment = deployments[place] as Deployment;
    const content = place >= begin ? contributionOf(fold, deployment) : null;
    if (content) draft.add(content);
    if (place < end - 1) fold = stepFold(fold, deployment);
  }
  return draft.finish();
}

/** The contents of the deployments from index `begin` to before `end`, chunk by chunk. */
function* contentsBetween(timeline: Timeline, begin: number, end: number): Generator<WindowContent> {
  let start = 0;
  for (const chunk of chunksOf(timeline)) {
    const length = chunk.deployments.length;
    const [from, to] = [Math.max(0, begin - start), Math.min(length, end - start)];
    if (from === 0 && to === length) yield contentOf(chunk);
    else if (from < to) yield contentOfPart(chunk, from, to);
    start += length;
    if (start >= end) return;
  }
}

export interface ContentDraft {
  add(content: WindowContent): void;
  finish(): WindowContent;
}

/** Adds up contents to the content of one window. The sum of one content is that content itself. */
export function createContentDraft(): ContentDraft {
  let only = emptyContent;
  let sum: ContentDraft | null = null;
  return {
    add(content) {
      if (sum === null && only === emptyContent) {
        only = content;
        return;
      }
      if (sum === null) {
        sum = createContentSum();
        sum.add(only);
      }
      sum.add(content);
    },
    finish: () => sum?.finish() ?? only,
  };
}

function createContentSum(): ContentDraft {
  let known = 0;
  const sums = countMeasures.map(() => 0);
  /** Without an entry as long as there are no values. */
  const samples: (ValuesDraft | undefined)[] = Array(places).fill(undefined);
  return {
    add(content) {
      known += content.known;
      for (let place = 0; place < sums.length; place++)
        sums[place] = (sums[place] ?? 0) + (content.counts[place] ?? 0);
      for (let place = 0; place < places; place++) {
        const values = content.samples[place];
        if (!values || values.count === 0) continue;
        const draft = samples[place] ?? createValuesDraft();
        samples[place] = draft;
        draft.add(values);
      }
    },
    finish: () => ({ known, counts: sums, samples: samples.map((draft) => draft?.finish() ?? noValues) }),
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Whether `at` lies in a window that ends at `now`, both in Unix seconds. */
export function isWithin(
  { at }: Pick<Deployment, 'at'>,
  { seconds }: Pick<Window, 'seconds'>,
  now: number,
): boolean {
  return at > now - seconds && at <= now;
}
