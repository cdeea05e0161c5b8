/** Each pipeline has the result of the contract's oracle in each tier. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { classify, type InTier } from '../../src/core/classification.ts';
import { toWholeRecord } from '../../src/woodpecker/normalise.ts';
import { WirePipeline } from '../../src/woodpecker/wire.ts';
import { histories } from '../support/deployments-histories.ts';
import {
  endOf,
  reasonBeforeRules,
  reasonOfVerdicts,
  verdictsOf,
} from '../support/deployments-oracle/parts.ts';
import type { Policy as OraclePolicy, Pipeline } from '../support/deployments-oracle/types.ts';
import { policyOf } from '../support/deployments-play.ts';
import { aRepo } from '../support/records.ts';
import { runs } from '../support/runs.ts';

const later = 1_900_000_000;

/** Whether a tier includes the pipeline, whatever its end. */
function isTaken(pipeline: Pipeline, policy: OraclePolicy): boolean {
  return verdictsOf(pipeline, { at: 0, clock: 'server' }, policy).length > 0;
}

function expected(pipeline: Pipeline, policy: OraclePolicy): unknown {
  const early = reasonBeforeRules(pipeline, later, policy.default_branches_only ? ['main'] : null);
  if (early === 'fork' || early === 'pull_request' || early === 'branch') return [[], early];
  const end = endOf(pipeline);
  // Without a tier, the end of the pipeline does not matter: both reasons are true.
  if (early !== null || end === null) return [[], isTaken(pipeline, policy) ? early : 'no_tier'];
  const verdicts = verdictsOf(pipeline, end, policy);
  const found = verdicts.flatMap(({ tier, verdict, start, finish, duration }) =>
    verdict === 'success' || verdict === 'failure' ? [[tier, verdict, start, finish, duration]] : [],
  );
  return [found.sort(), found.length > 0 ? null : reasonOfVerdicts(verdicts)];
}

function actual(pipeline: Pipeline, policy: OraclePolicy): unknown {
  const record = toWholeRecord(WirePipeline.parse(pipeline), later);
  const found = classify(policyOf(policy), aRepo({ fullName: pipeline.repo }), record);
  const words = (one: InTier) =>
    one.kind === 'deployment' ? [[one.tier, one.outcome, one.startedAt, one.at, one.durationSeconds]] : [];
  if (found.tiers.some(({ kind }) => kind === 'unfinished')) return [[], 'unfinished'];
  return [found.tiers.flatMap(words).sort(), found.reason === 'tier' ? 'no_tier' : found.reason];
}

it('the parts of random pipelines under random policies are those of the oracle', () => {
  fc.assert(
    fc.property(histories(), ({ pipelines, policy }) => {
      for (const pipeline of pipelines)
        expect([pipeline, actual(pipeline, policy)]).toEqual([pipeline, expected(pipeline, policy)]);
    }),
    { numRuns: runs(1000) },
  );
});
