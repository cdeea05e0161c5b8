/** Each pipeline has the result of the contract's oracle in each tier. */

import { readdirSync, readFileSync } from 'node:fs';
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

const anyPolicy: OraclePolicy = {
  tiers: [],
  default_tier: null,
  killed_is_failure: false,
  default_branches_only: false,
  failures: { tiers: null, rollback: null, fix: { linked: null, rule: null }, incident: null },
  rework: { branches: [], messages: [] },
  incidents: { stale: 86_400 },
  windows: {},
};

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

/** Every recorded answer about one pipeline, as of a repo named `acme/shop`. */
function recordings(): [name: string, pipeline: Pipeline][] {
  const folder = new URL('../fixtures/woodpecker/recorded/', import.meta.url);
  const names = readdirSync(folder).filter(
    // The server itself ended this one, by its own clock: the oracle knows no corrections of clocks.
    (name) => /^v[\d.]+-(part|pipeline)-(?!agent-killed)/.test(name),
  );
  const repo = { repo: 'acme/shop', default_branch: 'main' };
  return names.map((name) => [name, { ...repo, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }]);
}

it.each(recordings().filter(([, { created }]) => created > 0))(
  'the parts of %s are those of the oracle, whatever a rule names',
  (_, pipeline) => {
    const workflows = (pipeline.workflows ?? []).map(({ name }) => name);
    const steps = (pipeline.workflows ?? []).flatMap(({ children = [] }) => children.map(({ name }) => name));
    const named = [
      ...workflows.map((name) => ({ workflows: [name] })),
      ...steps.map((name) => ({ steps: [name] })),
    ];
    for (const part of [{}, { workflows }, { steps }, ...named]) {
      for (const killed_is_failure of [false, true]) {
        const policy = { ...anyPolicy, killed_is_failure, tiers: [{ tier: 'production', ...part }] };
        expect([part, actual(pipeline, policy)]).toEqual([part, expected(pipeline, policy)]);
      }
    }
  },
);
