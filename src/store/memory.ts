/**
 * The store in memory: what `:memory:` means, and a second reading of the contract. Keeps nothing beyond the process;
 * in all else the guarantees of `store.ts` hold, rollback included.
 */

import { type IgnoreReason, ignoreReasons } from '../core/classification.ts';
import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Outcome } from '../core/deployment.ts';
import { type MarkPlace, markKey, type StoredMark } from '../core/failures/operator-mark.ts';
import { type TrackedIncident, trackedKey } from '../core/failures/tracked-incident.ts';
import { lastToldAt } from '../core/pipeline.ts';
import { createTally } from '../core/pipeline-counts.ts';
import { type Follow, followKey } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import { type Pair, pairKey } from '../core/series/pair.ts';
import { type StoredPipeline, toDeployment } from '../core/stored-pipeline.ts';
import { createQueue } from '../util/serial-queue.ts';
import {
  type Store,
  type StoredBackfill,
  StoreUnavailable,
  type TieredDeployment,
  type Transaction,
  type Uncounted,
} from './store.ts';

export function createMemoryStore(): Store {
  const queue = createQueue();
  const undo: (() => void)[] = [];
  const transaction = createTransaction(undo);
  let isClosed = false;
  return {
    transact(work) {
      if (isClosed) return Promise.reject(new StoreUnavailable('Store is closed'));
      return queue.run(async () => {
        undo.length = 0;
        try {
          return await work(transaction);
        } catch (error) {
          for (const step of undo.reverse()) step();
          throw error;
        }
      });
    },
    async close() {
      isClosed = true;
      await queue.idle();
    },
  };
}

function createTransaction(undo: (() => void)[]): Transaction {
  /** A map whose changes can be taken back. */
  const createTable = <K, V>() => {
    const rows = new Map<K, V>();
    const restore = (key: K) => {
      const before = rows.get(key);
      undo.push(before === undefined ? () => rows.delete(key) : () => rows.set(key, before));
    };
    return {
      rows,
      put(key: K, value: V) {
        restore(key);
        rows.set(key, value);
      },
      drop(key: K) {
        restore(key);
        rows.delete(key);
      },
    };
  };
  const meta = createTable<string, string>();
  const repos = createTable<number, Repo>();
  const pipelines = createTable<string, StoredPipeline>();
  const pairs = createTable<string, Pair>();
  const follows = createTable<string, Follow>();
  const incidents = createTable<string, TrackedIncident>();
  const marks = createTable<string, StoredMark>();
  const backfills = createTable<string, StoredBackfill>();
  let lastRepoKey = 0;

  const pipelineKey = (repo: number, number: number) => `${repo}/${number}`;
  const sorted = (matches: (pipeline: StoredPipeline) => boolean): StoredPipeline[] =>
    [...pipelines.rows.values()]
      .filter(matches)
      .sort((a, b) => a.repo - b.repo || a.record.number - b.record.number);

  const ofCommit = (repo: number, commit: string): StoredPipeline[] =>
    sorted((pipeline) => pipeline.repo === repo && pipeline.record.commit === commit && !pipeline.isHeld);
  const firstCreatedAt = (repo: number, commit: string): number | null => {
    const times = ofCommit(repo, commit).flatMap(({ record }) => record.createdAt ?? []);
    return times.length === 0 ? null : Math.min(...times);
  };
  const newestBackfills = (): StoredBackfill[] =>
    [...backfills.rows.values()].sort((a, b) => b.startedAtMs - a.startedAtMs || (a.id < b.id ? 1 : -1));

  return {
    meta: {
      get: async (key) => meta.rows.get(key) ?? null,
      put: async (key, value) => meta.put(key, value),
    },
    repos: {
      all: async () => [...repos.rows.values()],
      async add(repo) {
        const added = { ...repo, key: ++lastRepoKey };
        repos.put(added.key, added);
        return added;
      },
      put: async (repo) => repos.put(repo.key, repo),
    },
    pipelines: {
      get: async (repo, number) => pipelines.rows.get(pipelineKey(repo, number)) ?? null,
      async put(pipeline) {
        const key = pipelineKey(pipeline.repo, pipeline.record.number);
        pipelines.put(key, { ...pipeline, change: pipelines.rows.get(key)?.change ?? null });
      },
      async setCredited(repo, number, credited) {
        const key = pipelineKey(repo, number);
        const pipeline = pipelines.rows.get(key);
        if (pipeline) pipelines.put(key, { ...pipeline, credited });
      },
      async creditAll(bits) {
        for (const [key, pipeline] of pipelines.rows) {
          if (pipeline.classification.kind !== 'deployment') continue;
          pipelines.put(key, { ...pipeline, credited: pipeline.credited | bits });
        }
      },
      async putChange(repo, number, change) {
        const key = pipelineKey(repo, number);
        const pipeline = pipelines.rows.get(key);
        if (pipeline) pipelines.put(key, { ...pipeline, change });
      },
      async dropUnknownChanges() {
        for (const [key, pipeline] of pipelines.rows) {
          if (pipeline.change?.range === null) pipelines.put(key, { ...pipeline, change: null });
        }
      },
      async *all(repo) {
        yield sorted((pipeline) => repo === undefined || pipeline.repo === repo);
      },
      async *deployments({ only, withFirstSeen = false, sliceRows = Number.MAX_SAFE_INTEGER } = {}) {
        const found: TieredDeployment[] = [];
        for (const pipeline of pipelines.rows.values()) {
          const { commit } = pipeline.record;
          const firstSeenAt = withFirstSeen && commit !== '' ? firstCreatedAt(pipeline.repo, commit) : null;
          const deployment = toDeployment(pipeline, firstSeenAt);
          const tier = pipeline.classification.tier;
          if (!deployment || tier === null) continue;
          if (only && (only.repo !== pipeline.repo || only.tier !== tier)) continue;
          if (only?.after !== undefined && deployment.at <= only.after) continue;
          found.push({ tier, deployment });
        }
        found.sort(
          (a, b) =>
            a.deployment.repo - b.deployment.repo ||
            (a.tier < b.tier ? -1 : a.tier > b.tier ? 1 : compareDeployments(a.deployment, b.deployment)),
        );
        for (let from = 0; from < found.length; from += sliceRows) yield found.slice(from, from + sliceRows);
      },
      async *uncounted({ repo, tier, after, until }) {
        const found = sorted(({ repo: key, classification, isHeld }) => {
          const isOfTier = classification.tier === tier || classification.tier === null;
          return key === repo && isOfTier && classification.kind !== 'deployment' && !isHeld;
        });
        yield found
          .map(
            ({ record, classification }): Uncounted => ({
              number: record.number,
              at: lastToldAt(record),
              reason: classification.kind === 'ignored' ? classification.reason : null,
            }),
          )
          .filter(({ at }) => at > after && at <= until)
          .sort((a, b) => b.at - a.at || b.number - a.number);
      },
      async *held(repo) {
        yield sorted((pipeline) => pipeline.repo === repo && pipeline.isHeld);
      },
      async releaseHeld(repo) {
        for (const pipeline of sorted((candidate) => candidate.repo === repo && candidate.isHeld)) {
          pipelines.put(pipelineKey(repo, pipeline.record.number), { ...pipeline, isHeld: false });
        }
      },
      firstCreatedAt: async (repo, commit) => firstCreatedAt(repo, commit),
      async tiersOfCommit(repo, commit) {
        const tiers = ofCommit(repo, commit).flatMap((pipeline) =>
          pipeline.classification.kind === 'deployment' ? [pipeline.classification.tier] : [],
        );
        return [...new Set(tiers)].sort();
      },
      async lowestUpdatedSince(repo, since) {
        const found = sorted((pipeline) => pipeline.repo === repo && pipeline.record.updatedAt >= since);
        return found[0]?.record.number ?? null;
      },
      async outcomes(repo) {
        const found = new Map<string, Map<Outcome, number>>();
        const latest = new Map<string, number>();
        for (const { classification, record } of sorted((pipeline) => pipeline.repo === repo)) {
          const { tier } = classification;
          if (tier === null) continue;
          const outcomes = found.get(tier) ?? new Map<Outcome, number>();
          found.set(tier, outcomes);
          if (classification.kind !== 'deployment') continue;
          const { outcome, at } = classification;
          if (at < (latest.get(`${outcome} ${tier}`) ?? 0)) continue;
          latest.set(`${outcome} ${tier}`, at);
          outcomes.set(outcome, record.createdAt ?? at);
        }
        return found;
      },
      async ignoredCounts() {
        const tally = createTally();
        for (const pipeline of pipelines.rows.values()) tally.count(pipeline, 1);
        return new Map(ignoreReasons.map((reason: IgnoreReason) => [reason, tally.ignored(reason)]));
      },
      async eventCounts() {
        const tally = createTally();
        for (const pipeline of pipelines.rows.values()) tally.count(pipeline, 1);
        return tally.events();
      },
    },
    pairs: {
      all: async () => [...pairs.rows.values()],
      put: async (pair) => pairs.put(pairKey(pair.repo, pair.tier), pair),
    },
    follows: {
      all: async () => [...follows.rows.values()],
      put: async (follow) => follows.put(followKey(follow), follow),
      drop: async (follow) => follows.drop(followKey(follow)),
    },
    incidents: {
      get: async (key) => incidents.rows.get(key) ?? null,
      put: async (incident) => incidents.put(trackedKey(incident), incident),
      async *all() {
        yield [...incidents.rows].sort(([a], [b]) => compareText(a, b)).map(([, incident]) => incident);
      },
    },
    marks: {
      all: async () => [...marks.rows.values()],
      put: async (mark) => marks.put(markKey(mark), mark),
      drop: async (place: MarkPlace) => marks.drop(markKey(place)),
    },
    backfills: {
      newest: async (limit) => newestBackfills().slice(0, limit),
      put: async (backfill) => backfills.put(backfill.id, backfill),
      async keepNewest(limit) {
        for (const { id } of newestBackfills().slice(limit)) backfills.drop(id);
      },
    },
  };
}
