/**
 * Random values for the laws. Domains are small on purpose, so that ties and collisions are frequent.
 */

import fc from 'fast-check';
import type { Deployment } from '../../src/core/deployment.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { TierReport } from '../../src/core/tier-report.ts';
import { inOrder, type Workflow } from '../../src/core/workflow.ts';
import { aDeployment, aRecord, aStep, aWorkflow } from './records.ts';

/** An observation of one pipeline. Two of them may have any field in common. */
export function anyObservation(): fc.Arbitrary<PipelineRecord> {
  return fc
    .record({
      id: fc.constantFrom(0, 501, 502),
      status: fc.constantFrom('hibernating', 'pending', 'running', 'skipped', 'success', 'killed', 'failure'),
      event: fc.constantFrom('push', 'tag', null),
      branch: fc.constantFrom('main', '', null),
      deployTo: fc.constantFrom('', 'production', 'staging'),
      commit: fc.constantFrom('', 'c1'),
      startedAt: fc.constantFrom(null, 1010, 1020),
      committedAt: fc.constantFrom(null, 900, 950),
      fromFork: fc.boolean(),
      updatedAt: fc.constantFrom(0, 1101, 1102),
      // After a shift, the order of these times as text differs from their order as numbers.
      finishedAt: fc.constantFrom(null, 1100, 1200),
      hasOneClock: fc.boolean(),
      clockAhead: fc.constantFrom(0, 60, 150, -70),
      endSeenAt: fc.constantFrom(null, 1103, 1104),
      hasWorkflows: fc.boolean(),
      fromRest: fc.boolean(),
      message: fc.constantFrom('a', 'b'),
      canceledByStep: fc.constantFrom(null, 'deploy', 'test'),
      firstEndReportAt: fc.constantFrom(null, 1103, 1104, 1105),
      ref: fc.constantFrom(null, 'refs/heads/main', 'refs/tags/v1'),
      parent: fc.constantFrom(null, 0, 7),
      workflows: anyWorkflows(),
      tierReports: anyTierReports(),
    })
    .map((told) => aRecord(told));
}

/** Steps in any state; some have the same name and pid. */
function anyWorkflows(): fc.Arbitrary<readonly Workflow[]> {
  const anyState = fc.constantFrom('running', 'success', 'killed', 'failure');
  const anyPart = {
    pid: fc.constantFrom(0, 1),
    name: fc.constantFrom('a', 'b'),
    state: anyState,
    error: fc.constantFrom('', 'Canceled'),
    finishedAt: fc.constantFrom(null, 1100),
  };
  const anyStep = fc.record({ ...anyPart, exitCode: fc.constantFrom(0, 1) }).map((told) => aStep(told));
  const anySteps = fc.array(anyStep, { maxLength: 2 }).map(inOrder);
  const anyWorkflow = fc.record({ ...anyPart, steps: anySteps }).map((told) => aWorkflow(told));
  return fc.array(anyWorkflow, { maxLength: 3 }).map(inOrder);
}

function anyTierReports(): fc.Arbitrary<readonly TierReport[]> {
  const anyReport = fc.record({
    tier: fc.constantFrom('production', 'staging'),
    status: fc.constantFrom('', 'running', 'success', 'failure'),
    startedAt: fc.constantFrom(null, 1010, 1020),
    finishedAt: fc.constantFrom(null, 1100, 1200),
    firstEndReportAt: fc.constantFrom(null, 1103),
  });
  return fc
    .uniqueArray(anyReport, { selector: ({ tier }) => tier, maxLength: 2 })
    .map((reports) => reports.sort((a, b) => (a.tier < b.tier ? -1 : 1)));
}

/** Several observations of one pipeline. */
export function anyObservations(): fc.Arbitrary<PipelineRecord[]> {
  return fc.array(anyObservation(), { minLength: 1, maxLength: 6 });
}

/** Deployments of one repo with different numbers, many in the same second. */
export function anyDeployments(maxLength = 12): fc.Arbitrary<Deployment[]> {
  return fc.uniqueArray(
    fc
      .record({
        number: fc.integer({ min: 1, max: 30 }),
        at: fc.integer({ min: 1, max: 15 }),
        outcome: fc.constantFrom('success', 'failure'),
        startedAt: fc.constantFrom(null, 0, 5, 20),
      })
      .map((told) => aDeployment(told)),
    { selector: (deployment) => deployment.number, maxLength },
  );
}
