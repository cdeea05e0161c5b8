import { describe, expect, it } from 'vitest';
import { endOfRun } from '../../src/core/cancellation.ts';
import type { Step, Workflow } from '../../src/core/workflow.ts';
import { aRecord, aStep, aWorkflow } from '../support/records.ts';

/** The end of a run with the status failure. Servers before 3.14 report every cancelled run as a failure. */
const endOfFailure = (...workflows: readonly Workflow[]) =>
  endOfRun(aRecord({ status: 'failure', workflows }));

const failed = (error: string, ...steps: readonly Partial<Step>[]): Workflow =>
  aWorkflow({ state: 'failure', error, steps: steps.map((step) => aStep({ state: 'failure', ...step })) });

describe('a run that a server before 3.14 reports as a failure', () => {
  it('was killed if the error of its only failed workflow is Canceled', () => {
    expect(endOfFailure(failed('Canceled', { exitCode: 126 }))).toBe('killed');
    expect(endOfFailure(aWorkflow(), failed('Canceled', { exitCode: -1 }))).toBe('killed');
  });

  it('was killed if the workflow has no error, and a step says Canceled, as on the oldest servers', () => {
    expect(endOfFailure(failed('', { exitCode: 126, error: 'Canceled' }))).toBe('killed');
    expect(endOfFailure(failed('', { exitCode: 0 }, { exitCode: -1, error: 'Canceled' }))).toBe('killed');
  });

  it('has failed if its workflow has another error, whatever a step says', () => {
    expect(endOfFailure(failed('exit code 1', { exitCode: 126, error: 'Canceled' }))).toBe('failure');
  });

  it('has failed if another workflow failed by itself, in either order', () => {
    const canceled = failed('Canceled', { exitCode: 126 });
    const broken = failed('exit code 1', { exitCode: 1 });
    expect(endOfFailure(canceled, broken)).toBe('failure');
    expect(endOfFailure(broken, canceled)).toBe('failure');
    expect(endOfFailure(canceled, failed('', { exitCode: 1, error: 'exit code 1' }))).toBe('failure');
  });

  it('has failed if nothing in it was cancelled', () => {
    expect(endOfFailure(failed('exit code 1', { exitCode: 1 }))).toBe('failure');
    expect(endOfFailure()).toBe('failure');
  });
});
