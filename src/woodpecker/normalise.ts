/**
 * From wire to record: one form for all versions, the end's time found where Woodpecker left it out, clocks checked once.
 *
 * Guarantees: a pure function of the message, its source and the time of its receipt.
 */

import { clockToleranceSeconds, isInFuture } from '../core/clock-skew.ts';
import { isEnded, type PipelineRecord } from '../core/pipeline.ts';
import type { RepoFacts } from '../core/repo.ts';
import { cutText, repoIdInLink, type StepReport, type WirePipeline, type WireRepo } from './wire.ts';

const longestMessage = 512;
/** Events whose message is the commit's; for others REST and stream tell different ones. */
const messageBearingEvents = new Set(['push', 'manual', 'deployment']);

/** `receivedAt` in Unix seconds. */
export function toRecord(wire: WirePipeline, source: 'rest' | 'other', receivedAt: number): PipelineRecord {
  const createdAt = wire.created || wire.created_at;
  const updatedAt = wire.updated || wire.updated_at;
  return {
    number: wire.number,
    id: wire.id ?? 0,
    status: wire.status,
    event: wire.event || null,
    branch: wire.branch || null,
    deployTo: wire.deploy_to,
    commit: wire.commit,
    message: messageBearingEvents.has(wire.event) ? cutText(wire.message, longestMessage) : '',
    fromFork: wire.from_fork,
    createdAt: createdAt || null,
    startedAt: wire.started || wire.started_at || null,
    finishedAt: isEnded(wire.status) ? finishOf(wire, createdAt, updatedAt, receivedAt) : null,
    updatedAt,
    committedAt: null,
    hasWorkflows: (wire.workflows?.length ?? 0) > 0,
    fromRest: source === 'rest',
    cutShortBy: cutShortBy(wire),
    firstEndReportAt: null,
  };
}

export function toRepoFacts(wire: WireRepo, asOf: number): RepoFacts {
  return {
    woodpeckerId: wire.id ?? null,
    forgeRemoteId: wire.forge_remote_id === '' || wire.forge_remote_id === '0' ? null : wire.forge_remote_id,
    fullName: wire.full_name,
    defaultBranch: wire.default_branch || null,
    asOf,
  };
}

/** A step's report as a record. Without a finish of its own, the first receipt of an end is its time. */
export function reportToRecord(report: StepReport, receivedAt: number): PipelineRecord {
  const status = report.status ?? '';
  const hasNoTime = isEnded(status) && report.finished === 0;
  return {
    number: report.number,
    id: 0,
    status,
    event: report.event,
    branch: report.branch,
    deployTo: report.deploy_to ?? '',
    commit: report.commit ?? '',
    message: '',
    fromFork: false,
    createdAt: null,
    startedAt: report.started || null,
    finishedAt: isEnded(status) ? report.finished || null : null,
    updatedAt: 0,
    committedAt: report.commit_time || null,
    hasWorkflows: false,
    fromRest: false,
    cutShortBy: null,
    firstEndReportAt: hasNoTime ? receivedAt : null,
  };
}

export function reportToRepoFacts(report: StepReport): RepoFacts {
  return {
    woodpeckerId: report.url === null ? null : repoIdInLink(report.url, report.number),
    forgeRemoteId: null,
    fullName: report.repo,
    defaultBranch: report.default_branch,
    // A report tells no more of its age; without a time it renames nothing.
    asOf: report.finished || report.started,
  };
}

/**
 * Whether a list's row leaves out what decides, so that the pipeline itself must be asked for: an end without its time,
 * or a failure of a server older than 3.14 (it sends no `version`), which may be a cancelled run.
 */
export function needsDetail(wire: WirePipeline): boolean {
  if (!['success', 'failure', 'error', 'killed'].includes(wire.status) || wire.workflows?.length)
    return false;
  if (wire.event.startsWith('pull_request') || wire.from_fork) return false;
  const hasFinish = (wire.finished || wire.finished_at) > 0;
  return !hasFinish || (wire.status === 'failure' && wire.version === '');
}

/** Paths of all times in a webhook's body that lie too far ahead of its receipt. */
export function timesAhead(times: Readonly<Record<string, number>>, receivedAt: number): string[] {
  return Object.entries(times)
    .filter(([, value]) => isInFuture(value, receivedAt))
    .map(([path]) => path);
}

/** Every time that decides something in a pipeline's message, by path. */
export function timesOf(wire: WirePipeline): Record<string, number> {
  return {
    'pipeline.created': wire.created || wire.created_at,
    'pipeline.updated': wire.updated || wire.updated_at,
    'pipeline.started': wire.started || wire.started_at,
    'pipeline.finished': wire.finished || wire.finished_at,
    'pipeline.workflows': latestFinish(wire),
  };
}

function finishOf(
  wire: WirePipeline,
  createdAt: number,
  updatedAt: number,
  receivedAt: number,
): number | null {
  let finish = wire.finished || wire.finished_at || latestFinish(wire) || updatedAt;
  const isTooEarly = createdAt > 0 && finish < createdAt - clockToleranceSeconds;
  const isTooLate = updatedAt > 0 && finish > updatedAt + clockToleranceSeconds;
  if ((isTooEarly || isTooLate) && updatedAt > 0) finish = updatedAt;
  if (isInFuture(finish, receivedAt)) finish = receivedAt;
  return finish || null;
}

/** The server writes 0 as the pipeline's finish where the workflow that ended last was skipped. */
function latestFinish(wire: WirePipeline): number {
  const workflows = wire.workflows ?? [];
  const spans = [...workflows, ...workflows.flatMap((workflow) => workflow.children ?? [])];
  return spans.reduce((latest, span) => Math.max(latest, span.finished || span.end_time), 0);
}

function cutShortBy(wire: WirePipeline): PipelineRecord['cutShortBy'] {
  if (wire.status === 'killed') return wire.cancel_info?.canceled_by_step ? 'failing_step' : null;
  if (wire.status !== 'failure') return null;
  // Servers up to 3.13 end a cancelled run as a failure whose workflow says "Canceled".
  const workflows = wire.workflows ?? [];
  const isCanceled = workflows.some((workflow) => workflow.error === 'Canceled');
  const hasFailedStep = workflows.some((workflow) =>
    workflow.children?.some((step) => step.state === 'failure' || step.state === 'error'),
  );
  return isCanceled && !hasFailedStep ? 'cancel' : null;
}
