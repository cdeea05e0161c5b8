/**
 * Random histories for the oracle of the deployments contract: few repos, tiers and commits, so that rollbacks, reverts,
 * repairs, incidents and marks affect each other. Times come from a small set of gaps, so that many are equal, and many are
 * exactly at a limit. If a history does not need them, cases that the contract does not define (see "Readings" in the
 * oracle) are omitted: empty globs, slashes and case that would decide, unknown states, steps that end after their pipeline.
 */
import fc from 'fast-check';
import { GOOD_SHAPES, ODD_SHAPES, type Shape, type Times } from './deployments-oracle/shapes.ts';
import type { Incident, Mark, Pipeline, Policy, Rule, World } from './deployments-oracle/types.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const T0 = 1_790_000_000;

const REPOS = ['acme/shop', 'acme/api'];
const TIERS = ['production', 'staging', 'rest'];

/** A request to set or to remove a mark, in order of arrival. */
export interface MarkRequest {
  repo: string;
  number: number;
  tier: string;
  mark: Mark['mark'] | null;
  recovered?: number;
}

export interface History extends World {
  /** The requests that set or remove the marks. */
  markRequests: MarkRequest[];
  /** Times for checks, in order; the last one is after all ends. */
  moments: number[];
}

/** The marks after all requests. */
export function standingMarks(requests: MarkRequest[]): Mark[] {
  const standing = new Map<string, Mark>();
  for (const { repo, number, tier, mark, recovered } of requests) {
    const key = JSON.stringify([repo, number, tier]);
    standing.delete(key);
    if (mark === null) continue;
    standing.set(key, { repo, number, tier, mark, ...(recovered === undefined ? {} : { recovered }) });
  }
  return [...standing.values()];
}

const RULES: Rule[][] = [
  [{ tier: 'production' }],
  [
    { tier: 'staging', workflows: ['deploy-staging'] },
    { tier: 'production', workflows: ['deploy', 'deploy-production'] },
  ],
  [
    { tier: 'staging', events: ['deployment'], deploy_to: ['Staging'] },
    { tier: 'production', workflows: ['deploy*', 'ci', '!*-staging'], steps: ['deploy', 'ship*'] },
  ],
  [
    { tier: 'production', events: ['tag', 'release'], tags: ['v*', '!*-*'] },
    { tier: 'staging', branches: ['main'], events: ['!tag', '!cron'] },
  ],
  [
    { tier: 'production', repos: ['ACME/shop'], workflows: ['deploy'] },
    { tier: 'production', workflows: ['ci'] },
    { tier: 'staging', steps: ['ship', 'deploy'] },
  ],
  [
    { tier: 'production', repos: ['acme/shop'], steps: ['deploy', 'ship'] },
    { tier: 'staging', repos: ['!acme/shop'] },
  ],
];

const limit = fc.constantFrom(null, HOUR, DAY, 7 * DAY);

const policies: fc.Arbitrary<Policy> = fc.record({
  tiers: fc.constantFrom(...RULES),
  default_tier: fc.constantFrom(null, null, 'rest'),
  killed_is_failure: fc.constantFrom(false, false, true),
  default_branches_only: fc.constantFrom(false, false, false, true),
  failures: fc.record({
    tiers: fc.constantFrom(null, null, ['production'], ['*'], ['!production']),
    rollback: fc.oneof(fc.constant(7 * DAY), limit),
    fix: fc.record({
      linked: fc.oneof(fc.constant(7 * DAY), limit),
      rule: fc.oneof(fc.constant(DAY), limit),
    }),
    incident: fc.oneof(fc.constant(DAY), limit),
  }),
  rework: fc.constantFrom(
    { branches: ['hotfix/*'], messages: ['^revert', '^hotfix'] },
    { branches: ['hotfix/*'], messages: ['^revert', '^hotfix'] },
    { branches: [], messages: [] },
  ),
  incidents: fc.record({ stale: fc.constantFrom(HOUR, DAY) }),
  windows: fc.constant({ '1d': DAY, '7d': 7 * DAY, '30d': 30 * DAY }),
});

interface Commit {
  id: string;
  message: string;
}

/** Commit 3 is 40 times the digit 3, so no prefix of one is a prefix of another. */
const shaOf = (index: number) => String(index).repeat(40);

const revertMessages: ((sha: string) => string)[] = [
  (sha) => `Revert "feat: more"\n\nThis reverts commit ${sha}.`,
  (sha) => `revert ${sha.slice(0, 7)}`,
  (sha) => `feat: undo it\n\nThis reverts commit ${sha.slice(0, 12)}.`,
  (sha) => `chore: revert ${sha.slice(0, 6)}`,
  (sha) => `Revert "Revert "feat: more""\n\nThis reverts commit ${sha}.`,
  (sha) => `Reapply "feat: more"\n\nThis reverts commit ${sha}.`,
  (sha) => `revert revert ${sha}`,
];

const messages = fc.oneof(
  fc.constantFrom('feat: more', 'feat: more', 'hotfix: login', 'Revert "feat: more"', 'fix: login'),
  fc
    .tuple(fc.constantFrom(...revertMessages), fc.integer({ min: 1, max: 6 }))
    .map(([message, index]) => message(shaOf(index))),
);

/** Five commits; number 6 is named by reverts and never deployed. */
const commits: fc.Arbitrary<Commit[]> = fc
  .array(messages, { minLength: 5, maxLength: 5 })
  .map((list) => list.map((message, index) => ({ id: shaOf(index + 1), message })));

const GAPS = [0, 1, MINUTE, 10 * MINUTE, HOUR, HOUR, 6 * HOUR, DAY, 3 * DAY];
const LENGTHS = [0, 1, MINUTE, 10 * MINUTE, HOUR];

interface Draft {
  /** An index into `REPOS`. */
  repo: number;
  gap: number;
  length: number;
  commit: number;
  noCommit: boolean;
  event: Trigger;
  restart: boolean;
  /** The earlier pipeline that a restart or a deployment copies. */
  parent: number;
  shape: Shape;
  fork: boolean;
  defaultBranch: string;
  /** Seconds from the end to each report by a step. If there are any, nothing else is known of the pipeline. */
  reports: number[];
}

interface Trigger {
  event: string;
  branch: string;
  ref: string;
  deploy_to?: string;
}

const PUSH: Trigger = { event: 'push', branch: 'main', ref: 'refs/heads/main' };

const EVENTS: Trigger[] = [
  PUSH,
  { event: 'push', branch: 'main', ref: '' },
  { event: 'push', branch: 'hotfix/login', ref: 'refs/heads/hotfix/login' },
  { event: 'tag', branch: '', ref: 'refs/tags/v1.0.0' },
  { event: 'tag', branch: '', ref: 'refs/tags/v1.0.0-rc.1' },
  { event: 'release', branch: 'main', ref: 'refs/tags/v1.0.0' },
  { event: 'deployment', branch: 'main', ref: 'refs/heads/main', deploy_to: 'production' },
  { event: 'deployment', branch: 'main', ref: 'refs/heads/main', deploy_to: 'Staging' },
  { event: 'manual', branch: 'main', ref: 'main' },
  { event: 'cron', branch: 'main', ref: 'refs/heads/main' },
  { event: 'pull_request', branch: 'main', ref: 'refs/pull/1/head' },
];

const drafts: fc.Arbitrary<Draft> = fc.record({
  repo: fc.constantFrom(0, 0, 0, 1),
  gap: fc.constantFrom(...GAPS),
  length: fc.constantFrom(...LENGTHS),
  commit: fc.nat(4),
  noCommit: rarely(),
  event: often(fc.constant(PUSH), fc.constantFrom(...EVENTS)),
  restart: fc.constantFrom(false, false, false, true),
  parent: fc.nat(30),
  shape: often(fc.constantFrom(...GOOD_SHAPES), fc.constantFrom(...ODD_SHAPES)),
  fork: rarely(),
  defaultBranch: fc.constantFrom('main', 'main', 'main', 'hotfix/login'),
  reports: often(fc.constant([]), fc.array(fc.constantFrom(0, MINUTE, DAY), { maxLength: 3 })),
});

/** Mostly the usual value. Most deployments must succeed, because otherwise `pipeline` is the only cause. */
function often<Value>(usual: fc.Arbitrary<Value>, other: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: other });
}

function rarely(): fc.Arbitrary<boolean> {
  return fc.integer({ min: 0, max: 24 }).map((drawn) => drawn === 7);
}

function pipelinesOf(list: Draft[], known: Commit[]): Pipeline[] {
  const pipelines: Pipeline[] = [];
  let created = T0;
  for (const draft of list) {
    created += draft.gap;
    const repo = REPOS[draft.repo] ?? '';
    const earlier = pipelines.filter((one) => one.repo === repo);
    const hasParent = draft.restart || draft.event.event === 'deployment';
    const parent = hasParent ? earlier[draft.parent % earlier.length] : undefined;
    pipelines.push(pipelineOf(draft, known, { repo, number: earlier.length + 1, parent, created }));
  }
  return pipelines;
}

interface Place {
  repo: string;
  number: number;
  parent: Pipeline | undefined;
  created: number;
}

/** A restart has the event, ref and commit of its parent; a deployment of it has its ref and commit. */
function pipelineOf(draft: Draft, known: Commit[], { repo, number, parent, created }: Place): Pipeline {
  const times: Times = { start: created, end: created + draft.length };
  const commit = known[draft.commit];
  const fresh = {
    deploy_to: '',
    ...draft.event,
    commit: draft.noCommit ? '' : (commit?.id ?? ''),
    message: commit?.message ?? '',
  };
  const copied = parent && {
    event: parent.event,
    branch: parent.branch,
    ref: parent.ref,
    commit: parent.commit,
    message: parent.message,
    deploy_to: parent.deploy_to,
  };
  const asked = parent && draft.event.event === 'deployment' && !draft.restart;
  const deployment = asked && { event: 'deployment', deploy_to: draft.event.deploy_to ?? '' };
  const all = {
    repo,
    number,
    parent: parent?.number ?? 0,
    created,
    default_branch: draft.defaultBranch,
    ...fresh,
    ...copied,
    ...deployment,
    ...((parent ? parent.from_fork : draft.fork) ? { from_fork: true } : {}),
    ...draft.shape(times),
  };
  const { status } = all;
  const isReported = draft.reports.length > 0 && (status === 'success' || status === 'failure');
  return isReported ? asReported(all, times.end, draft.reports) : all;
}

/** What is known of a pipeline if only its steps report its end. */
function asReported(pipeline: Pipeline, end: number, delays: number[]): Pipeline {
  const { workflows: _, cancel_info: _by, from_fork: _fork, ref, ...rest } = pipeline;
  const reports = delays.map((delay) => end + delay);
  const unknown = { message: '', parent: 0, started: 0, finished: 0 };
  const tag = ref.startsWith('refs/tags/') ? ref : '';
  return { ...rest, ...unknown, ref: tag, updated: Math.min(...reports), reports };
}

/** A moment near the end of one of the pipelines. */
interface Near {
  index: number;
  offset: number;
}

const near: fc.Arbitrary<Near> = fc.record({
  index: fc.nat(30),
  offset: fc.constantFrom(-MINUTE, -1, 0, 0, 1, MINUTE, HOUR, HOUR + 1, DAY, DAY + 1),
});

function timeOf({ index, offset }: Near, pipelines: Pipeline[]): number {
  return (pipelines[index % pipelines.length]?.updated || T0) + offset;
}

const incidentDrafts = fc.array(
  fc.record({
    repo: fc.constantFrom('acme/shop', 'acme/shop', 'acme/shop', 'acme/api', 'acme/unknown'),
    tier: fc.constantFrom('production', 'production', ...TIERS),
    start: near,
    length: fc.constantFrom(0, 1, MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY),
    kind: fc.constantFrom('ended', 'ended', 'ended', 'plain and ended', 'open', 'plain and open'),
  }),
  { maxLength: 6 },
);

type IncidentDraft = (typeof incidentDrafts extends fc.Arbitrary<infer List> ? List : never)[number];

function incidentsOf(list: IncidentDraft[], pipelines: Pipeline[]): Incident[] {
  return list.map(({ repo, tier, start: draft, length, kind }, index) => {
    const start = timeOf(draft, pipelines);
    const until = start + length;
    return {
      id: `INC-${index + 1}`,
      repo,
      tier,
      start,
      end: kind.endsWith('open') ? null : until,
      lastReceipt: kind.startsWith('plain') ? null : until,
    };
  });
}

const markDrafts = fc.array(
  fc.record({
    index: fc.nat(30),
    tier: fc.constantFrom('production', 'production', ...TIERS),
    mark: fc.constantFrom(null, 'failed' as const, 'failed' as const, 'fine' as const, 'ignore' as const),
    recovered: fc.option(near, { nil: undefined }),
  }),
  { maxLength: 6 },
);

type MarkDraft = (typeof markDrafts extends fc.Arbitrary<infer List> ? List : never)[number];

/** Only a mark "failed" may have a time of recovery. */
function markRequestsOf(list: MarkDraft[], pipelines: Pipeline[]): MarkRequest[] {
  return list.map(({ index, tier, mark, recovered }) => {
    const { repo = '', number = 0 } = pipelines[index % pipelines.length] ?? {};
    const isTold = mark === 'failed' && recovered !== undefined;
    return { repo, number, tier, mark, ...(isTold ? { recovered: timeOf(recovered, pipelines) } : {}) };
  });
}

/** The times of all events in a history, and the seconds before and after each. */
function momentsOf(world: World, picks: number[], ages: number[]): number[] {
  const times = [
    ...world.pipelines.flatMap((one) => [one.created, one.finished, one.updated]),
    ...world.incidents.flatMap((one) => [one.start, one.end ?? 0, one.lastReceipt ?? 0]),
    ...world.marks.map((one) => one.recovered ?? 0),
  ].filter((time) => time > 0);
  const last = Math.max(T0, ...times);
  const picked = picks.map((pick, index) => (times[pick % times.length] ?? T0) + (ages[index] ?? 0));
  return [...new Set([...picked, last, last + 8 * DAY])].sort((a, b) => a - b);
}

/** `pipelines` bounds their number in one history. */
export function histories({ pipelines = 14 } = {}): fc.Arbitrary<History> {
  return fc
    .record({
      policy: policies,
      commits,
      drafts: fc.array(drafts, { minLength: 1, maxLength: pipelines, size: 'max' }),
      incidents: incidentDrafts,
      marks: markDrafts,
      picks: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
      ages: fc.array(fc.constantFrom(-1, 0, 0, 1, HOUR, DAY, 7 * DAY), { minLength: 4, maxLength: 4 }),
    })
    .map((drawn) => {
      const list = pipelinesOf(drawn.drafts, drawn.commits);
      const markRequests = markRequestsOf(drawn.marks, list);
      const world: World = {
        policy: drawn.policy,
        pipelines: list,
        incidents: incidentsOf(drawn.incidents, list),
        marks: standingMarks(markRequests),
      };
      return { ...world, markRequests, moments: momentsOf(world, drawn.picks, drawn.ages) };
    });
}
