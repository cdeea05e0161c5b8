/**
 * Plays random histories of the deployments contract through ingest and store: pipelines, alerts, reports and marks arrive
 * in any order, once or twice, some in one transaction, with restarts between them.
 */

import fc from 'fast-check';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { deploymentEvents, type Policy } from '../../src/core/policy.ts';
import type { Request } from '../../src/ingest/requests.ts';
import { reportToRecord, toRecord, toWholeRecord } from '../../src/woodpecker/normalise.ts';
import { StepReport, WirePipeline } from '../../src/woodpecker/wire.ts';
import type { History, MarkRequest } from './deployments-histories.ts';
import { endOf } from './deployments-oracle/parts.ts';
import type { Incident, Policy as OraclePolicy, Pipeline } from './deployments-oracle/types.ts';
import { aPolicy, someFacts } from './records.ts';
import type { World } from './world.ts';

/** `alertTier`: the tier to which the policy maps alerts without repo and tier. */
export function policyOf(oracle: OraclePolicy, alertTier = 'production'): Policy {
  const { tiers, default_tier, default_branches_only, killed_is_failure, failures } = oracle;
  const { rework, incidents, windows } = oracle;
  return aPolicy({
    tiers: tiers.map(({ deploy_to, ...rule }) => (deploy_to ? { ...rule, deployTo: deploy_to } : rule)),
    defaultTier: default_tier,
    deployments: {
      events: deploymentEvents,
      branches: default_branches_only ? 'default' : ['*'],
      failure: killed_is_failure ? ['failure', 'killed'] : ['failure'],
    },
    failures: {
      tiers: failures.tiers,
      rollbackSeconds: failures.rollback,
      fix: { linkedSeconds: failures.fix.linked, ruleSeconds: failures.fix.rule },
      incidentSeconds: failures.incident,
    },
    rework: { branches: rework.branches, message: rework.messages },
    incidents: {
      staleSeconds: incidents.stale,
      rules: [{ labels: { env: ['*'] }, repo: '{{service}}', tier: alertTier }],
    },
    windows: Object.entries(windows).map(([name, seconds]) => ({ name, seconds })),
  });
}

/** Events whose pipelines have the message of their commit; for others Woodpecker writes its own. */
const eventsWithMessage = new Set(['push', 'manual', 'deployment']);

/** The history with only the messages that are those of commits. */
export function withCommitMessages(history: History): History {
  const pipelines = history.pipelines.map((one) =>
    eventsWithMessage.has(one.event) ? one : { ...one, message: '' },
  );
  return { ...history, pipelines };
}

/** The same history under another policy. */
export function underPolicy(history: History, policy: OraclePolicy, alertTier: string): History {
  const incidents = history.incidents.map((one) =>
    one.lastReceipt !== null && one.tier === 'production' ? { ...one, tier: alertTier } : one,
  );
  return { ...history, policy, incidents };
}

/** One arriving message or request. */
export type Told =
  /** `isPoor`: with the fields of a list alone. `reportedAt`: by a step, at that time. */
  | {
      readonly kind: 'pipeline';
      readonly pipeline: Pipeline;
      readonly isPoor?: boolean;
      readonly reportedAt?: number;
    }
  | { readonly kind: 'incident'; readonly incident: Incident }
  | { readonly kind: 'mark'; readonly request: MarkRequest };

export interface Telling {
  readonly told: Told;
  /** `join`: the next one arrives in the same turn of the event loop. */
  readonly next: 'join' | 'commit' | 'restart';
  readonly pauseSeconds: number;
}

/** When the last pipeline had ended and was reported; Unix seconds. */
export function lastEndOf({ pipelines }: Pick<History, 'pipelines'>): number {
  return Math.max(
    ...pipelines.flatMap((one) => [endOf(one)?.at ?? 0, one.updated, one.created, ...(one.reports ?? [])]),
  );
}

/** The possible reports of a pipeline before its end. */
function earlierOf(pipeline: Pipeline): Pipeline[] {
  const { created, updated, status } = pipeline;
  if (updated === 0 || status === 'running' || status === 'pending' || status === 'blocked') return [];
  const about = { ...pipeline, finished: 0, updated: created };
  const { workflows: _w, ...running } = { ...about, status: 'running' };
  return [running];
}

/** Another end, which is reported first and is wrong. */
function wrongEndOf(pipeline: Pipeline, { status, workflows }: Pipeline): Pipeline[] {
  if (pipeline.updated === 0 || pipeline.finished === 0) return [];
  const wrong = { status, ...(workflows && { workflows }) };
  return [{ ...pipeline, ...wrong, updated: pipeline.updated - 1, finished: pipeline.finished - 1 }];
}

const anyManner = fc.record({
  order: fc.nat(10_000),
  next: fc.constantFrom(
    'join' as const,
    'join' as const,
    'commit' as const,
    'commit' as const,
    'restart' as const,
  ),
  pauseSeconds: fc.constantFrom(0, 0, 0, 60, 3600),
});

export interface TellingOptions {
  /** Whether wrong ends are reported, and ends with fewer fields. */
  readonly corrections?: boolean;
}

/** All that is told of a pipeline. `other`: the pipeline whose end is reported wrongly as its own. */
function tellingsOf(pipeline: Pipeline, other: Pipeline, corrections: boolean): Told[] {
  if (pipeline.reports) {
    // A failure outranks a success: only the first report needs the final end.
    return pipeline.reports.map((reportedAt, index) => ({
      kind: 'pipeline',
      pipeline: index === 0 ? pipeline : { ...pipeline, status: 'success' },
      reportedAt,
    }));
  }
  const tell = (one: Pipeline): Told => ({ kind: 'pipeline', pipeline: one });
  const rightly = [tell(pipeline), ...earlierOf(pipeline).map(tell)];
  if (!corrections) return rightly;
  const poor: Told[] = pipeline.updated > 0 ? [{ kind: 'pipeline', pipeline, isPoor: true }] : [];
  return [...rightly, ...poor, ...wrongEndOf(pipeline, other).map(tell)];
}

/** Every message of a history once or twice, in any order; requests for marks keep their order. */
export function anyTellings(
  { pipelines, incidents, markRequests }: History,
  { corrections = true }: TellingOptions = {},
): fc.Arbitrary<Telling[]> {
  const told: Told[] = [
    ...pipelines.flatMap((pipeline, index) =>
      tellingsOf(pipeline, pipelines[(index + 1) % pipelines.length] ?? pipeline, corrections),
    ),
    ...incidents.map((incident): Told => ({ kind: 'incident', incident })),
  ];
  return fc
    .record({
      manners: fc.tuple(...told.map(() => fc.array(anyManner, { minLength: 1, maxLength: 2 }))),
      marks: fc.tuple(...markRequests.map(() => anyManner)),
    })
    .map(({ manners, marks }) => {
      const inAnyOrder = manners.flatMap((copies, index) =>
        copies.map((manner) => ({ ...manner, told: told[index] as Told })),
      );
      const places = marks.map(({ order }) => order).sort((a, b) => a - b);
      const inOrder = marks.map((manner, index) => ({
        ...manner,
        order: places[index] ?? 0,
        told: { kind: 'mark', request: markRequests[index] as MarkRequest } as const,
      }));
      const all = [...inAnyOrder, ...inOrder].sort((a, b) => a.order - b.order);
      return marksAfterPipelines(all.map(({ order: _, ...telling }): Telling => telling));
    });
}

const ids = new Map([
  ['acme/shop', 11],
  ['acme/api', 12],
]);

const idOf = (repo: string): number => ids.get(repo) ?? 19;

/** The names of a history's repos. */
type NameOf = (repo: string) => string;

function factsOf({ repo, default_branch: defaultBranch }: Pipeline, nameOf: NameOf) {
  const fullName = nameOf(repo);
  return someFacts({ woodpeckerId: idOf(repo), forgeRemoteId: null, fullName, defaultBranch });
}

/** Long after all pipelines. */
const readAt = 1_900_000_000;

function recordOf({ pipeline, isPoor, reportedAt }: Extract<Told, { kind: 'pipeline' }>): PipelineRecord {
  if (isPoor) {
    const { workflows: _, cancel_info: _by, ...row } = pipeline;
    return toRecord(WirePipeline.parse({ ...row, finished: row.updated }), 'rest', readAt);
  }
  if (reportedAt === undefined) return toWholeRecord(WirePipeline.parse(pipeline), readAt);
  const { ref, ...fields } = pipeline;
  const tag = ref.replace('refs/tags/', '');
  return reportToRecord(StepReport.parse({ ...fields, tag }), reportedAt);
}

/** The reports of an incident, and of a pipeline, and the request for a mark. */
function toRequest(
  told: Told,
  nameOf: NameOf,
): Request<'report' | 'incident' | 'alerts' | 'mark' | 'dropMark'> {
  if (told.kind === 'pipeline') {
    return { kind: 'report', repo: factsOf(told.pipeline, nameOf), record: recordOf(told) };
  }
  if (told.kind === 'incident') return toIncidentRequest(told.incident, nameOf);
  const { repo, number, tier, mark, recovered } = told.request;
  const place = { repo: nameOf(repo), number, tier };
  if (mark === null) return { ...place, kind: 'dropMark' };
  const said = mark === 'failed' ? { kind: mark, recoveredAt: recovered ?? null } : { kind: mark };
  return { ...place, kind: 'mark', mark: said, reason: null, markedAt: 1_790_000_000 };
}

function toIncidentRequest(incident: Incident, nameOf: NameOf): Request<'incident' | 'alerts'> {
  const { id, tier, start, end, lastReceipt } = incident;
  const repo = nameOf(incident.repo);
  if (lastReceipt === null) {
    const fields = { repo, tier, started: start, ...(end === null ? {} : { resolved: end }) };
    return { kind: 'incident', id, report: saidAt(fields, end ?? start) };
  }
  const alert = {
    fingerprint: id,
    labels: tier === 'production' ? { env: 'live', service: repo } : { dora_repo: repo, dora_tier: tier },
    report: { start, end, receivedAt: lastReceipt, isDismissed: false, title: null, url: null },
  };
  return { kind: 'alerts', alerts: [alert] };
}

const ownName: NameOf = (repo) => repo;

const keyOf = ({ repo, number }: { repo: string; number: number }) => `${repo}/${number}`;

/** Moves the request for a mark of an unknown pipeline to just after the first report of the pipeline. */
function marksAfterPipelines(tellings: readonly Telling[]): Telling[] {
  const known = new Set<string>();
  const early: Telling[] = [];
  const inOrder = tellings.flatMap((telling): Telling[] => {
    const { told } = telling;
    if (told.kind === 'mark' && !known.has(keyOf(told.request))) {
      early.push(telling);
      return [];
    }
    if (told.kind !== 'pipeline' || known.has(keyOf(told.pipeline))) return [telling];
    known.add(keyOf(told.pipeline));
    const its = early.filter(
      (one) => one.told.kind === 'mark' && keyOf(one.told.request) === keyOf(told.pipeline),
    );
    return [telling, ...its];
  });
  return inOrder;
}

/** Plays messages and requests. */
export async function tell(
  world: World,
  tellings: readonly Telling[],
  onCommit: () => void = () => undefined,
  nameOf = ownName,
): Promise<void> {
  let together: Promise<unknown>[] = [];
  for (const { told, next, pauseSeconds } of tellings) {
    together.push(world.ingest.submit(toRequest(told, nameOf)));
    if (next === 'join') continue;
    await Promise.all(together);
    together = [];
    onCommit();
    world.clock.advance(pauseSeconds);
    if (next === 'restart') {
      await world.restart();
      onCommit();
    }
  }
  await Promise.all(together);
  onCommit();
}

/** Plays the messages of one time in one transaction. */
export async function tellTogether(world: World, all: readonly Told[]): Promise<void> {
  await Promise.all(all.map((told) => world.ingest.submit(toRequest(told, ownName))));
}

/** Judges again the deployments that the passing of time has changed. */
export async function judgeAgain(world: World): Promise<void> {
  await world.ingest.submit({ kind: 'judgeDue' });
}
