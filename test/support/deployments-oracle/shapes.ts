/** Possible runs of one pipeline: status, times, workflows and steps, as Woodpecker sends them. */
import type { Pipeline, Step, Workflow } from './types.ts';

export interface Times {
  start: number;
  end: number;
}

type Told = Pick<Pipeline, 'status' | 'started' | 'finished' | 'updated' | 'cancel_info' | 'workflows'>;

export type Shape = (times: Times) => Told;

const ended = (status: string, { start, end }: Times, workflows: Workflow[]): Told => ({
  status,
  started: start,
  finished: end,
  updated: end,
  workflows,
});

const middle = ({ start, end }: Times) => Math.floor((start + end) / 2);
const firstHalf = (times: Times): Times => ({ start: times.start, end: middle(times) });
const secondHalf = (times: Times): Times => ({ start: middle(times), end: times.end });

const step = (
  name: string,
  state: string,
  { start, end }: Times,
  exit = state === 'failure' ? 1 : 0,
): Step => ({
  name,
  state,
  exit_code: exit,
  started: start,
  finished: end,
});

const workflow = (name: string, state: string, { start, end }: Times, children: Step[]): Workflow => ({
  name,
  state,
  started: start,
  finished: end,
  children,
});

/** A workflow of one step. */
const simple = (name: string, state: string, times: Times, stepName = 'ship') =>
  workflow(name, state, times, [step(stepName, state, times)]);

const skipped = (name: string): Workflow => ({
  name,
  state: 'skipped',
  children: [{ name: 'ship', state: 'killed', exit_code: 0 }],
});

const cancelled = (name: string, state: string, times: Times, children: Step[]): Workflow => ({
  ...workflow(name, state, times, children),
  error: 'Canceled',
});

const two = (
  status: string,
  first: string,
  firstState: string,
  second: string,
  secondState: string,
): Shape => {
  return (times) =>
    ended(status, times, [
      simple(first, firstState, firstHalf(times)),
      simple(second, secondState, secondHalf(times)),
    ]);
};

/** One workflow `ci` with the steps build, deploy, notify. */
const ci = (status: string, state: string, deploy: string, notify: string): Shape => {
  return (times) =>
    ended(status, times, [
      workflow('ci', state, times, [
        step('build', 'success', firstHalf(times)),
        step('deploy', deploy, firstHalf(times)),
        step('notify', notify, secondHalf(times)),
      ]),
    ]);
};

const testAndDeploy = two('success', 'test', 'success', 'deploy', 'success');

const deployFailed = two('failure', 'test', 'success', 'deploy', 'failure');

/** The last workflow was skipped, so the pipeline has no finish. */
const testFailed: Shape = (times) => ({
  ...ended('failure', times, [skipped('deploy'), simple('test', 'failure', times, 'unit')]),
  finished: 0,
});

const matrixFailedInOne = two('failure', 'deploy', 'success', 'deploy', 'failure');

const matrixSkippedInOne: Shape = (times) => ({
  ...ended('success', times, [skipped('deploy'), simple('deploy', 'success', times)]),
  finished: 0,
});

const buildFailed: Shape = (times) =>
  ended('failure', times, [
    workflow('ci', 'failure', times, [
      step('build', 'failure', times),
      { name: 'deploy', state: 'skipped', exit_code: 0 },
    ]),
  ]);

const killedInDeploy =
  (cancelInfo: Pipeline['cancel_info'] | undefined, exit: number): Shape =>
  (times) => ({
    ...ended('killed', times, [
      cancelled('deploy', 'killed', times, [
        step('prepare', 'success', firstHalf(times)),
        step('ship', exit ? 'failure' : 'killed', secondHalf(times), exit),
        step('after', 'killed', secondHalf(times)),
        { name: 'tell', state: 'canceled', exit_code: 0 },
      ]),
    ]),
    ...(cancelInfo ? { cancel_info: cancelInfo } : {}),
  });

const killedAfterDeploy: Shape = (times) => ({
  ...ended('killed', times, [
    simple('deploy', 'success', firstHalf(times)),
    cancelled('notify', 'killed', secondHalf(times), [step('tell', 'killed', secondHalf(times))]),
  ]),
  cancel_info: { canceled_by_user: 'admin' },
});

/** The linter stopped the run, and the deploy step beside it. */
const killedByLint: Shape = (times) => ({
  ...ended('killed', times, [
    cancelled('deploy', 'killed', times, [step('ship', 'killed', times)]),
    cancelled('lint', 'killed', times, [step('check', 'failure', times)]),
  ]),
  cancel_info: { canceled_by_step: 'check' },
});

/** A timeout of a restart; the name of the step is its parent's. */
const timedOutRestart: Shape = (times) => ({
  ...ended('killed', times, [
    cancelled('deploy', 'killed', times, [
      step('ship', 'success', firstHalf(times)),
      step('after', 'failure', secondHalf(times), 0),
    ]),
  ]),
  cancel_info: { canceled_by_step: 'ship' },
});

/** Servers before 3.14 say failure for a run that was cancelled. */
const cancelledBefore314 =
  (exit: number, error: string): Shape =>
  (times) =>
    ended('failure', times, [
      {
        ...cancelled('deploy', 'failure', times, [
          step('prepare', 'success', firstHalf(times)),
          step('ship', exit === 0 ? 'success' : 'failure', times, exit),
        ]),
        error,
      },
    ]);

const cancelledBesideAFailure: Shape = (times) =>
  ended('failure', times, [
    cancelled('deploy', 'failure', times, [step('ship', 'failure', times, 126)]),
    { ...simple('test', 'failure', times, 'unit'), error: 'uuid=7: exit code 1' },
  ]);

/** The row of a list, of which nothing more is known. */
const withoutWorkflows =
  (status: string, finished: boolean, updated: boolean): Shape =>
  ({ start, end }) => ({
    status,
    started: start,
    finished: finished ? end : 0,
    updated: updated ? end : 0,
  });

const neverStarted =
  (status: string, finished: boolean): Shape =>
  ({ end }) => ({ status, started: 0, finished: finished ? end : 0, updated: end });

const running: Shape = (times) => ({
  ...ended('running', times, [simple('deploy', 'success', firstHalf(times))]),
  finished: 0,
});

/** An ended pipeline with a workflow or step that has not ended. */
const deployNeverEnded: Shape = (times) =>
  ended('killed', times, [
    {
      name: 'deploy',
      state: 'running',
      started: times.start,
      children: [{ name: 'ship', state: 'running', exit_code: 0, started: times.start }],
    },
    simple('test', 'success', times, 'unit'),
  ]);

/** Successful runs. */
export const GOOD_SHAPES: Shape[] = [
  testAndDeploy,
  testAndDeploy,
  ci('success', 'success', 'success', 'success'),
  two('success', 'deploy-staging', 'success', 'deploy-production', 'success'),
];

export const ODD_SHAPES: Shape[] = [
  two('failure', 'deploy-staging', 'success', 'deploy-production', 'failure'),
  two('failure', 'deploy', 'success', 'notify', 'failure'),
  ci('failure', 'failure', 'success', 'failure'),
  ci('failure', 'failure', 'failure', 'success'),
  ci('success', 'success', 'failure', 'success'),
  deployFailed,
  deployFailed,
  testFailed,
  matrixFailedInOne,
  matrixSkippedInOne,
  buildFailed,
  killedInDeploy({ canceled_by_user: 'admin' }, 0),
  killedInDeploy({ superseded_by: 99 }, 0),
  killedInDeploy(undefined, 0),
  killedInDeploy({ canceled_by_step: 'ship' }, 1),
  killedAfterDeploy,
  killedByLint,
  timedOutRestart,
  cancelledBefore314(126, 'Canceled'),
  cancelledBefore314(-1, 'uuid=7: exit code 1\nCanceled'),
  cancelledBefore314(0, 'Canceled'),
  cancelledBesideAFailure,
  withoutWorkflows('success', true, true),
  withoutWorkflows('success', false, true),
  withoutWorkflows('failure', true, true),
  withoutWorkflows('success', false, false),
  neverStarted('canceled', true),
  neverStarted('declined', false),
  neverStarted('skipped', true),
  neverStarted('error', true),
  neverStarted('blocked', false),
  neverStarted('pending', false),
  running,
  deployNeverEnded,
];
