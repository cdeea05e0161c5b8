/**
 * Makes records of Woodpecker's JSON: one form for all versions, with times by Woodpecker's clock.
 *
 * Guarantees: a record depends on the message, its source and its time of receipt alone.
 */

import { isEnded, isPullRequest, type PipelineRecord } from '../core/pipeline.ts';
import type { RepoFacts } from '../core/repo.ts';
import { inOrder, type Step, shiftWorkflows, type Workflow } from '../core/workflow.ts';
import { readTimes } from './pipeline-times.ts';
import { cutText, repoIdInLink, type StepReport, type WirePipeline, type WireRepo } from './wire.ts';
import type { WireStep, WireWorkflow } from './wire-workflows.ts';

const longestMessage = 512;
/** Events whose message is the commit's; for other events REST and stream differ. */
const messageBearingEvents = new Set(['push', 'manual', 'deployment']);

/** `source`: REST, or a message of the stream or a webhook. `receivedAt`: Unix seconds. */
export function toRecord(wire: WirePipeline, source: 'rest' | 'other', receivedAt: number): PipelineRecord {
  const { agentCorrection, ...times } = readTimes(wire);
  return {
    number: wire.number,
    id: wire.id ?? 0,
    status: wire.status,
    event: wire.event || null,
    branch: wire.branch || null,
    ref: wire.ref || null,
    parent: wire.parent ?? null,
    deployTo: wire.deploy_to,
    commit: wire.commit,
    message: messageBearingEvents.has(wire.event) ? cutText(wire.message, longestMessage) : '',
    fromFork: wire.from_fork,
    ...times,
    updatedAt: wire.updated,
    committedAt: null,
    // Events contain all workflows; lists contain none.
    hasWorkflows: source === 'other' || (wire.workflows?.length ?? 0) > 0,
    fromRest: source === 'rest',
    // Only `killed` can have this reason; otherwise a restart has copied the name from its parent.
    canceledByStep: wire.status === 'killed' ? wire.cancel_info?.canceled_by_step || null : null,
    firstEndReportAt: null,
    clockAhead: 0,
    endSeenAt: isEnded(wire.status) ? receivedAt : null,
    workflows: shiftWorkflows(workflowsOf(wire), agentCorrection),
    tierReports: [],
  };
}

/** The record of an answer about one pipeline, which contains all workflows. */
export function toWholeRecord(wire: WirePipeline, receivedAt: number): PipelineRecord {
  return { ...toRecord(wire, 'rest', receivedAt), hasWorkflows: true };
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

/** A step's report as a record. If it has no finish, the time of its receipt is used. */
export function reportToRecord(report: StepReport, receivedAt: number): PipelineRecord {
  const { tier } = report;
  const reported = report.status ?? '';
  const end = {
    status: reported,
    startedAt: report.started || null,
    finishedAt: isEnded(reported) ? report.finished || null : null,
    firstEndReportAt: isEnded(reported) && report.finished === 0 ? receivedAt : null,
  };
  const { startedAt } = end;
  // A report for a tier says nothing of the pipeline as a whole, but when something in it ended.
  const finishedAt = end.finishedAt ?? end.firstEndReportAt;
  const whole = tier === null ? end : { startedAt, status: '', finishedAt, firstEndReportAt: null };
  return {
    number: report.number,
    id: 0,
    ...whole,
    event: report.event,
    branch: report.branch,
    ref: report.tag === null ? null : `refs/tags/${report.tag}`,
    parent: null,
    deployTo: report.deploy_to ?? '',
    commit: report.commit ?? '',
    message: '',
    fromFork: false,
    createdAt: null,
    updatedAt: 0,
    committedAt: report.commit_time || null,
    // A report's workflows cannot be read from elsewhere.
    hasWorkflows: true,
    fromRest: false,
    canceledByStep: null,
    hasOneClock: true,
    clockAhead: 0,
    endSeenAt: null,
    workflows: [],
    tierReports: tier === null ? [] : [{ tier, ...end }],
  };
}

export function reportToRepoFacts(report: StepReport): RepoFacts {
  return {
    woodpeckerId: report.url === null ? null : repoIdInLink(report.url, report.number),
    forgeRemoteId: null,
    fullName: report.repo,
    defaultBranch: report.default_branch,
    // The best guess of the report's age. A report without a time never renames a repo.
    asOf: report.finished || report.started,
  };
}

/**
 * Whether the row of a list is not enough to classify its pipeline: an end without a time; a failure of a server before
 * 3.14 (which sends no `version`), since it may be a cancelled run; a restart that was killed, since it may name the failing
 * step of its parent.
 */
export function needsDetail(wire: WirePipeline): boolean {
  if (!['success', 'failure', 'error', 'killed'].includes(wire.status) || wire.workflows?.length)
    return false;
  if (isPullRequest(wire.event) || wire.from_fork) return false;
  const hasFinish = wire.finished > 0;
  const mayBeCancelled = wire.status === 'failure' && wire.version === '';
  const mayBeCopied = wire.status === 'killed' && wire.cancel_info?.canceled_by_step && wire.parent !== 0;
  return !hasFinish || mayBeCancelled || Boolean(mayBeCopied);
}

/** The workflows of a pipeline that may count; empty for other pipelines, since no rule needs them. */
function workflowsOf(wire: WirePipeline): readonly Workflow[] {
  if (!isEnded(wire.status) || wire.from_fork || isPullRequest(wire.event)) return [];
  return inOrder((wire.workflows ?? []).map((one) => ({ ...partOf(one), steps: stepsOf(one) })));
}

function stepsOf({ children }: WireWorkflow): readonly Step[] {
  return inOrder((children ?? []).map((step) => ({ ...partOf(step), exitCode: step.exit_code })));
}

function partOf(part: WireWorkflow | WireStep): Omit<Step, 'exitCode'> {
  return {
    pid: part.pid,
    name: part.name,
    state: part.state,
    startedAt: part.started || part.start_time || null,
    finishedAt: part.finished || part.end_time || null,
    error: part.error,
  };
}
