/** Section 1: in which tiers one pipeline is a deployment, with which outcome and times, or why in none. */
import { matches, matchesAnyCase } from './globs.ts';
import type { Pipeline, Policy, Reason, Rule, Step, Workflow } from './types.ts';

const START_OF_2015 = 1_420_070_400;
const THIRTY_DAYS = 30 * 86_400;

/** The result of a rule for one pipeline in one tier. */
export interface TierVerdict {
  tier: string;
  verdict: 'success' | 'failure' | 'killed' | 'not_reached' | 'no_parts';
  start: number | null;
  finish: number;
  duration: number | null;
}

interface Moment {
  at: number;
  clock: 'agent' | 'server';
}

type State = 'success' | 'failed' | 'killed';

/** An element of a part: one workflow or one step. */
interface Item {
  started: number;
  finished: number;
  state: State;
  holdsFailingStep: boolean;
}

const latest = (times: (number | undefined)[]) => Math.max(0, ...times.map((time) => time ?? 0));

/** When a pipeline ended; null: unknown. */
export function endOf(pipeline: Pipeline): Moment | null {
  if (pipeline.finished > 0) return { at: pipeline.finished, clock: 'agent' };
  const inside = (pipeline.workflows ?? []).flatMap((workflow) => [
    workflow.finished,
    ...(workflow.children ?? []).map((step) => step.finished),
  ]);
  if (latest(inside) > 0) return { at: latest(inside), clock: 'agent' };
  if (pipeline.updated > 0) return { at: pipeline.updated, clock: 'server' };
  return null;
}

/** Why a pipeline counts in no tier, if that does not depend on a rule; else null. `branches`: null admits all. */
export function reasonBeforeRules(pipeline: Pipeline, t: number, branches: string[] | null): Reason | null {
  if (pipeline.from_fork) return 'fork';
  if (pipeline.event.startsWith('pull_request')) return 'pull_request';
  const isOfBranch = ['push', 'manual', 'cron'].includes(pipeline.event);
  if (isOfBranch && branches !== null && !branches.includes(pipeline.branch)) return 'branch';
  const { status } = pipeline;
  if (status === 'canceled' || status === 'declined' || status === 'skipped' || status === 'error') {
    return status;
  }
  if (status !== 'success' && status !== 'failure' && status !== 'killed') return 'unfinished';
  const end = endOf(pipeline);
  if (end === null) return 'no_timestamp';
  return end.at > t ? 'unfinished' : null;
}

/** Reads the rules from the top. The answer is empty if no tier has the pipeline. */
export function verdictsOf(pipeline: Pipeline, end: Moment, policy: Policy): TierVerdict[] {
  const verdicts: TierVerdict[] = [];
  for (const rule of policy.tiers) {
    if (verdicts.some((known) => known.tier === rule.tier)) continue;
    if (!conditionsHold(rule, pipeline)) continue;
    if (rule.workflows === undefined && rule.steps === undefined) {
      verdicts.push(wholePipeline(rule.tier, pipeline, end, policy));
      return verdicts;
    }
    verdicts.push(part(rule, pipeline, end, policy));
  }
  if (verdicts.length === 0 && policy.default_tier !== null) {
    verdicts.push(wholePipeline(policy.default_tier, pipeline, end, policy));
  }
  return verdicts;
}

/** The one reason of a pipeline that is a deployment in none of its tiers. */
export function reasonOfVerdicts(verdicts: TierVerdict[]): Reason {
  const has = (verdict: TierVerdict['verdict']) => verdicts.some((known) => known.verdict === verdict);
  if (has('killed')) return 'killed';
  if (has('no_parts')) return 'no_parts';
  if (has('not_reached')) return 'not_reached';
  return 'no_tier';
}

function conditionsHold(rule: Rule, pipeline: Pipeline): boolean {
  const tag = /^refs\/tags\/(.+)$/.exec(pipeline.ref)?.[1];
  if (rule.repos && !matchesAnyCase(rule.repos, pipeline.repo)) return false;
  if (rule.events && !matches(rule.events, pipeline.event)) return false;
  if (rule.branches && !matches(rule.branches, pipeline.branch)) return false;
  if (rule.deploy_to && !matchesAnyCase(rule.deploy_to, pipeline.deploy_to)) return false;
  if (rule.tags && (tag === undefined || !matches(rule.tags, tag))) return false;
  return true;
}

function wholePipeline(tier: string, pipeline: Pipeline, end: Moment, policy: Policy): TierVerdict {
  const start = pipeline.started > 0 ? pipeline.started : null;
  const duration = end.clock === 'agent' ? durationOf(start, end.at) : null;
  return { tier, verdict: wholeOutcome(pipeline, policy), start, finish: end.at, duration };
}

function wholeOutcome(pipeline: Pipeline, policy: Policy): 'success' | 'failure' | 'killed' {
  const workflows = pipeline.workflows ?? [];
  if (pipeline.status === 'success') return 'success';
  if (pipeline.status === 'failure') {
    if (!workflows.some(isCancelled)) return 'failure';
    if (workflows.some((workflow) => workflow.state === 'failure' && !isCancelled(workflow)))
      return 'failure';
  }
  return policy.killed_is_failure || aStepEnded(pipeline) ? 'failure' : 'killed';
}

/** Whether a failing step of this run ended it, and its name is not a copy of the parent's. */
function aStepEnded(pipeline: Pipeline): boolean {
  if (pipeline.cancel_info?.canceled_by_step === undefined) return false;
  if (pipeline.workflows === undefined) return true;
  return pipeline.workflows.some((workflow) => holdsFailingStep(workflow, pipeline));
}

function part(rule: Rule, pipeline: Pipeline, end: Moment, policy: Policy): TierVerdict {
  const { tier } = rule;
  const nothing = { tier, start: null, finish: end.at, duration: null };
  if (pipeline.workflows === undefined || pipeline.workflows.length === 0) {
    return { ...nothing, verdict: 'no_parts' };
  }
  const items = itemsOf(rule, pipeline, pipeline.workflows).filter((item) => item.started > 0);
  if (items.length === 0) return { ...nothing, verdict: 'not_reached' };
  const start = Math.min(...items.map((item) => item.started));
  const told = latest(items.map((item) => item.finished));
  const finish = told > 0 ? told : end.at;
  const oneClock = told > 0 || end.clock === 'agent';
  return {
    tier,
    verdict: partOutcome(items, policy),
    start,
    finish,
    duration: oneClock ? durationOf(start, finish) : null,
  };
}

function partOutcome(items: Item[], policy: Policy): 'success' | 'failure' | 'killed' {
  if (items.some((item) => item.state === 'failed')) return 'failure';
  if (!items.some((item) => item.state === 'killed')) return 'success';
  return policy.killed_is_failure || items.some((item) => item.holdsFailingStep) ? 'failure' : 'killed';
}

function itemsOf(rule: Rule, pipeline: Pipeline, all: Workflow[]): Item[] {
  const { workflows, steps } = rule;
  const matching = workflows ? all.filter((workflow) => matches(workflows, workflow.name)) : all;
  if (steps === undefined) {
    return matching.map((workflow) => ({
      started: workflow.started ?? 0,
      finished: workflow.finished ?? 0,
      state: workflowState(workflow),
      holdsFailingStep: holdsFailingStep(workflow, pipeline),
    }));
  }
  return matching.flatMap((workflow) =>
    (workflow.children ?? [])
      .filter((step) => matches(steps, step.name))
      .map((step) => ({
        started: step.started ?? 0,
        finished: step.finished ?? 0,
        state: stepState(step, workflow, pipeline),
        holdsFailingStep: isFailingStep(step, pipeline),
      })),
  );
}

function workflowState(workflow: Workflow): State {
  return isCancelled(workflow) ? 'killed' : plainState(workflow.state);
}

function stepState(step: Step, workflow: Workflow, pipeline: Pipeline): State {
  if (isCancelled(workflow)) {
    if (isFailingStep(step, pipeline)) return 'failed';
    const aStepSaysKilled = (workflow.children ?? []).some((one) => one.state === 'killed' && ran(one));
    if (aStepSaysKilled) {
      if (step.state === 'failure' && (step.exit_code ?? 0) === 0) return 'killed';
    } else {
      const finished = step.finished ?? 0;
      if (finished === 0 || finished >= (workflow.finished ?? 0)) return 'killed';
    }
  }
  const state = plainState(step.state);
  return state === 'failed' && workflowState(workflow) === 'success' ? 'success' : state;
}

/** The state of a workflow or step that ran in an ended pipeline. If it has not ended, it was killed. */
function plainState(state: string): State {
  if (state === 'success') return 'success';
  return state === 'failure' || state === 'error' ? 'failed' : 'killed';
}

const ran = (one: { started?: number }) => (one.started ?? 0) > 0;

const saysCanceled = (error: string | undefined) => (error ?? '').trimEnd().split('\n').at(-1) === 'Canceled';

/** Whether a workflow was cancelled: by its error, or on the oldest servers by a step's error. */
function isCancelled(workflow: Workflow): boolean {
  if (workflow.error) return saysCanceled(workflow.error);
  return (workflow.children ?? []).some((step) => saysCanceled(step.error));
}

/** The step that ended the run. If its exit code is 0, the name is a copy of the parent's. */
function isFailingStep(step: Step, pipeline: Pipeline): boolean {
  return step.name === pipeline.cancel_info?.canceled_by_step && (step.exit_code ?? 0) !== 0;
}

function holdsFailingStep(workflow: Workflow, pipeline: Pipeline): boolean {
  return (workflow.children ?? []).some((step) => isFailingStep(step, pipeline));
}

function durationOf(start: number | null, finish: number): number | null {
  if (start === null || start < START_OF_2015) return null;
  const seconds = finish - start;
  return seconds < 0 || seconds > THIRTY_DAYS ? null : seconds;
}
