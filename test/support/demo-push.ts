/** A push of the demo: its tests, the step that rolls out to staging, and the notice after it. */

import type { PipelineInput, StepInput, WorkflowInput } from './fake-woodpecker.ts';

type Result = 'success' | 'failure';

export interface PushRun extends Required<Pick<PipelineInput, 'status' | 'finished' | 'workflows'>> {
  readonly isOnStaging: boolean;
}

/** `random`, from 0 to 1, decides what fails: the tests, the rollout, the notice, or mostly nothing. Times: Unix seconds. */
export function pushRun(random: number, started: number): PushRun {
  const tested = started + 40 + Math.floor(random * 400);
  const rolledOut = tested + 30 + Math.floor(random * 200);
  const finished = rolledOut + 5;
  const build = (state: Result): WorkflowInput => ({
    ...{ name: 'build', state, started, finished: tested },
    steps: [
      { ...ranStep('clone', started, started + 5, 'success'), type: 'clone' },
      ranStep('test', started + 5, tested, state),
    ],
  });
  const deploy = (rollout: Result, notice: Result): WorkflowInput => ({
    ...{ name: 'deploy-staging', started: tested, finished },
    state: rollout === 'success' ? notice : rollout,
    steps: [
      ranStep('rollout', tested, rolledOut, rollout),
      ...(rollout === 'success' ? [ranStep('notify', rolledOut, finished, notice)] : []),
    ],
  });
  const end = (rollout: Result, notice: Result): PushRun => ({
    status: rollout === 'success' ? notice : rollout,
    finished,
    isOnStaging: rollout === 'success',
    workflows: [build('success'), deploy(rollout, notice)],
  });
  if (random > 0.17) return end('success', 'success');
  if (random > 0.13) return end('success', 'failure');
  if (random > 0.1) return end('failure', 'success');
  const skipped: WorkflowInput = { name: 'deploy-staging', state: 'skipped' };
  return {
    status: 'failure',
    finished: tested,
    isOnStaging: false,
    workflows: [build('failure'), skipped],
  };
}

function ranStep(name: string, started: number, finished: number, state: Result): StepInput {
  return { name, state, exitCode: state === 'success' ? 0 : 1, started, finished };
}
