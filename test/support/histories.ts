/**
 * Random histories for the laws over ingest: the events of pipelines, their observations, and the arrival of the
 * observations.
 *
 * A story contains the truth about one pipeline beside its observations, so that the oracle need not merge or classify as
 * the code under test does.
 */

import fc from 'fast-check';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { RepoFacts } from '../../src/core/repo.ts';
import { aRecord, someFacts } from './records.ts';

export const daySeconds = 86_400;
/** Unix seconds of the start of all stories. */
export const epoch = 1_700_000_000;
/** Unix seconds of the first arrival of an observation: some stories are then older than the longest window. */
export const firstReceipt = epoch + 200 * daySeconds;

/** The final truth about a pipeline. */
export interface Truth {
  readonly event: string;
  readonly branch: string;
  readonly deployTo: string;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  /** `null`: it never ends. `at` is in Unix seconds. */
  readonly end: { readonly status: string; readonly byFailingStep: boolean; readonly at: number } | null;
}

export interface Story {
  /** Repos are identified by their id; names and default branches may differ between the stories of one repo. */
  readonly facts: RepoFacts & { readonly woodpeckerId: number };
  readonly number: number;
  readonly truth: Truth;
  readonly observations: readonly PipelineRecord[];
}

export interface StoryOptions {
  /** Whether an older or less complete observation may report another end first. */
  readonly corrections?: boolean;
  /** Whether some pipelines have reports by steps, without id, update or time. */
  readonly reports?: boolean;
  /** Whether repos may be renamed. */
  readonly renames?: boolean;
  /** Whether every pipeline ends. */
  readonly allEnded?: boolean;
  /** Whether each repo has only one default branch, so that the scope depends on the policy alone. */
  readonly oneDefaultBranch?: boolean;
  /** Whether two repos have the same name, and thus one series. */
  readonly sharedNames?: boolean;
  readonly maxLength?: number;
  /** The highest number before the first pipeline. */
  readonly after?: number;
}

/** The arrival of an observation, and the next event. */
export interface Delivery {
  readonly facts: Story['facts'];
  readonly record: PipelineRecord;
  readonly origin: 'live' | 'scan';
  /** `join`: the next one arrives in the same turn of the event loop. `release`: the repo's scan is complete. */
  readonly next: 'join' | 'commit' | 'restart' | 'release';
  /** Seconds before the next one. */
  readonly pauseSeconds: number;
}

/** Two repos whose names differ only in case, as on two forges, and one with another name. */
const shop = { woodpeckerId: 1, fullName: 'acme/shop', asOf: epoch };
const twin = { woodpeckerId: 2, fullName: 'Acme/Shop', asOf: epoch + 1 };
const infra = { woodpeckerId: 3, fullName: 'acme/infra-dns', asOf: epoch + 2 };
const infraBefore = { woodpeckerId: 3, fullName: 'acme/dns', asOf: epoch + 1 };

/** Seconds since `epoch`; few, so that many pipelines end in the same second. */
const anyMoment = () => fc.integer({ min: 1, max: 13 }).map((step) => step * 15 * daySeconds);
const anyEnd = () =>
  fc.record({
    status: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('success', 'failure') },
      { weight: 1, arbitrary: fc.constantFrom('killed', 'error', 'canceled', 'skipped') },
    ),
    byFailingStep: fc.boolean(),
    at: anyMoment().map((moment) => epoch + moment),
  });

export function anyStories(options: StoryOptions = {}): fc.Arbitrary<Story[]> {
  const {
    corrections = false,
    reports = false,
    renames = false,
    allEnded = false,
    oneDefaultBranch = false,
    sharedNames = true,
    maxLength = 10,
    after = 0,
  } = options;
  const anyTelling = fc.record({
    repo: fc.constantFrom(shop, infra, ...(sharedNames ? [twin] : []), ...(renames ? [infraBefore] : [])),
    defaultBranch: oneDefaultBranch ? fc.constant('main') : fc.constantFrom('main', 'main', 'trunk'),
    event: fc.constantFrom('push', 'push', 'tag', 'deployment', 'manual', 'cron', 'pull_request'),
    branch: fc.constantFrom('main', 'main', 'trunk', 'feature'),
    deployTo: fc.constantFrom('', 'production'),
    end: allEnded ? anyEnd() : fc.option(anyEnd(), { freq: 5, nil: null }),
    before: corrections ? fc.array(anyEnd(), { maxLength: 2 }) : fc.constant([]),
    isFirstToldPoorly: corrections ? fc.boolean() : fc.constant(false),
    /** Whether another pipeline had the number before, since the server's database was restored. */
    predecessor: corrections ? fc.option(anyEnd(), { freq: 2, nil: null }) : fc.constant(null),
    running: fc.integer({ min: 0, max: 2 }),
    ranFor: fc.constantFrom(-5, 0, 300, 7200, null),
    isReported: reports ? fc.boolean() : fc.constant(false),
    receipts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: corrections ? 3 : 1 }),
  });
  return fc.array(anyTelling, { minLength: 1, maxLength }).map((tellings) =>
    tellings.map((telling, index): Story => {
      // Pipelines of repos with one series have different numbers; those of other repos may have the same.
      const number = after + index + (telling.repo.woodpeckerId === 3 ? 2 : 1);
      const facts = { ...someFacts({ ...telling.repo, forgeRemoteId: null }), ...telling.repo };
      const { event, branch, deployTo, ranFor } = telling;
      const about = { number, id: 2 * (after + number), event, branch, deployTo };
      const named = { facts: { ...facts, defaultBranch: telling.defaultBranch }, number };

      if (telling.isReported && telling.end !== null) {
        const { status, byFailingStep } = telling.end;
        const reportedStatus = status === 'success' ? 'success' : 'failure';
        const receipts = telling.receipts.map((receipt) => epoch + receipt * 20 * daySeconds);
        const observations = receipts.map((receipt, place) =>
          aRecord({
            ...about,
            id: 0,
            // In reports of one pipeline, failure outranks success: only the first report needs the final end.
            status: place === 0 ? reportedStatus : 'success',
            createdAt: null,
            startedAt: null,
            finishedAt: null,
            updatedAt: 0,
            hasWorkflows: false,
            fromRest: false,
            firstEndReportAt: receipt,
          }),
        );
        const end = { status: reportedStatus, byFailingStep, at: Math.min(...receipts) };
        return {
          ...named,
          truth: { event, branch, deployTo, createdAt: null, startedAt: null, end },
          observations,
        };
      }

      const ends = telling.end === null ? [] : [...telling.before, telling.end];
      const earliest = Math.min(...ends.map(({ at }) => at), epoch + 13 * 15 * daySeconds);
      const createdAt = earliest - 3600;
      const startedAt = ranFor === null || telling.end === null ? null : telling.end.at - ranFor;
      const running = Array.from(
        { length: telling.end === null ? telling.running + 1 : telling.running },
        (_, turn) =>
          aRecord({
            ...about,
            status: turn === 0 ? 'pending' : 'running',
            createdAt,
            startedAt: turn === 0 ? null : startedAt,
            finishedAt: null,
            updatedAt: createdAt + turn,
          }),
      );
      const ended = ends.map(({ status, byFailingStep, at }, turn) =>
        aRecord({
          ...about,
          status,
          canceledByStep: byFailingStep && status === 'killed' ? 'ship' : null,
          createdAt,
          startedAt,
          finishedAt: at,
          updatedAt: createdAt + 3600 + turn,
        }),
      );
      const last = ended.at(-1);
      // For the same update, the stream and a list have fewer fields than the pipeline's own answer.
      const poorly =
        last && telling.isFirstToldPoorly
          ? [
              {
                ...last,
                canceledByStep: null,
                finishedAt: last.updatedAt,
                hasWorkflows: false,
                fromRest: false,
              },
            ]
          : [];
      const predecessors =
        telling.predecessor === null
          ? []
          : [
              aRecord({
                ...about,
                id: about.id - 1,
                status: telling.predecessor.status,
                createdAt,
                startedAt: null,
                finishedAt: telling.predecessor.at,
                updatedAt: telling.predecessor.at + 1,
              }),
            ];
      return {
        ...named,
        truth: { event, branch, deployTo, createdAt, startedAt, end: telling.end },
        observations: [...predecessors, ...running, ...ended, ...poorly],
      };
    }),
  );
}

/** Every observation of `stories` once or twice, in any order. */
export function anyDeliveries(
  stories: readonly Story[],
  { origins, nexts }: { origins: readonly Delivery['origin'][]; nexts: readonly Delivery['next'][] },
): fc.Arbitrary<Delivery[]> {
  const anyManner = fc.record({
    order: fc.nat({ max: 10_000 }),
    origin: fc.constantFrom(...origins),
    next: fc.constantFrom(...nexts),
    pauseSeconds: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      fc.integer({ min: 1, max: 30 * daySeconds }),
    ),
  });
  const observed = stories.flatMap(({ facts, observations }) =>
    observations.map((record) => ({ facts, record })),
  );
  return fc.tuple(...observed.map(() => fc.array(anyManner, { minLength: 1, maxLength: 2 }))).map((manners) =>
    manners
      .flatMap((copies, index) => copies.map((manner) => ({ ...manner, ...observed[index] })))
      .sort((a, b) => a.order - b.order)
      .map(({ order: _, ...delivery }) => delivery as Delivery),
  );
}
