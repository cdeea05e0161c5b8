/** The history of the databases in `test/fixtures/upgrade/`, in a simulated Woodpecker. */

import type { FakeWoodpecker, PipelineInput, StepInput, WorkflowInput } from './fake-woodpecker.ts';

const hour = 3600;
const day = 24 * hour;

/** Unix seconds of the first deployment. */
export const firstDeployment = 1_780_012_800;

/** The commit with a number of two digits. */
export const commitOf = (number: number): string => String(number).padStart(2, '0').repeat(20);

/** Pipelines of `acme/shop` and `acme/site`; see the fixtures' README. */
export function fillUpgradeHistory(target: FakeWoodpecker): void {
  for (const [id, fullName] of [
    [7, 'acme/shop'],
    [8, 'acme/site'],
  ] as const) {
    target.addRepo({ id, fullName, private: true, access: { alice: 'push' } });
  }
  const shop = [...productionOfShop(), ...stagingOfShop()].sort((a, b) => a.finished - b.finished);
  for (const pipeline of shop) target.addPipeline('acme/shop', pipeline);
  for (const [days, commit] of [
    [0.1, 21],
    [1.1, 22],
    [1.2, 21],
  ] as const) {
    target.addPipeline('acme/site', { event: 'manual', branch: 'main', ...commonOf(days, commit) });
  }
}

type Ended = PipelineInput & { readonly finished: number };

/** `days` after the first deployment. */
function commonOf(days: number, commit: number, message = 'feat: a step'): Ended {
  const finished = firstDeployment + Math.round(days * day);
  const times = { created: finished - 120, started: finished - 60, finished, updated: finished + 1 };
  return { commit: commitOf(commit), message, ...times };
}

function productionOfShop(): readonly Ended[] {
  const deploy = (days: number, commit: number, more: PipelineInput = {}): Ended => ({
    ...{ event: 'deployment', deployTo: 'production', branch: 'main' },
    ...more,
    ...commonOf(days, commit, more.message),
  });
  const revert = `Revert "faster checkout"\n\nThis reverts commit ${commitOf(3)}.\n`;
  return [
    deploy(0, 1),
    deploy(1, 2),
    deploy(1 + 2 / 24, 1),
    deploy(3, 3),
    deploy(3 + 3 / 24, 4, { message: revert }),
    deploy(5, 5, { status: 'failure' }),
    deploy(5 + 1 / 24, 6),
    deploy(7, 7),
    deploy(9, 8),
    deploy(10, 9),
    deploy(10 + 1 / 24, 10, { branch: 'hotfix/tax' }),
  ];
}

function stagingOfShop(): readonly Ended[] {
  const workflow = (
    name: string,
    state: 'success' | 'failure' | 'skipped',
    finished: number,
  ): WorkflowInput => {
    if (state === 'skipped') return { name, state };
    const times = { started: finished - 30, finished };
    const step: StepInput = { name: 'run', state, exitCode: state === 'success' ? 0 : 1, ...times };
    return { name, state, ...times, steps: [step] };
  };
  const push = (
    days: number,
    commit: number,
    build: 'success' | 'failure' = 'success',
    deploy: 'success' | 'failure' | 'skipped' = 'success',
  ): Ended => {
    const common = commonOf(days, commit);
    const { finished } = common;
    const status = build === 'success' && deploy === 'success' ? 'success' : 'failure';
    const workflows = [workflow('build', build, finished - 30), workflow('deploy-staging', deploy, finished)];
    return { event: 'push', branch: 'main', status, workflows, ...common };
  };
  return [
    push(0.4, 11),
    push(0.5, 12),
    push(0.6, 11),
    push(0.7, 13, 'failure', 'skipped'),
    push(0.8, 14, 'success', 'failure'),
    push(0.9, 15),
  ];
}
