/** The expected end of each recorded pipeline if it is a deployment as a whole, worked out by hand. */

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classify } from '../../src/core/classification.ts';
import { mergeRecords } from '../../src/core/merge-records.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { toRecord, toWholeRecord } from '../../src/woodpecker/normalise.ts';
import { WireEvent, WirePipeline } from '../../src/woodpecker/wire.ts';
import { fixture } from '../support/fixtures.ts';
import { aPolicy, aRepo } from '../support/records.ts';

const receivedAt = 1_800_000_000;

const read = (name: string): PipelineRecord =>
  toWholeRecord(WirePipeline.parse(fixture(`recorded/${name}.json`)), receivedAt);

const endOf = (record: PipelineRecord) => {
  const { tiers, reason } = classify(aPolicy(), aRepo(), record);
  const [one] = tiers;
  if (one?.kind === 'deployment') return [one.outcome, one.at];
  return [reason ?? one?.kind];
};

const ends: [name: string, ...end: (string | number)[]][] = [
  ['v2.8.3-pipeline-approved', 'unfinished'],
  ['v2.8.3-pipeline-blocked', 'unfinished'],
  ['v2.8.3-pipeline-canceled-pending', 'killed'],
  ['v2.8.3-pipeline-canceled-running', 'killed'],
  ['v2.8.3-pipeline-cron', 'success', 1_795_872_200],
  ['v2.8.3-pipeline-declined', 'declined'],
  ['v2.8.3-pipeline-deployment', 'unfinished'],
  ['v2.8.3-pipeline-error-lint', 'error'],
  ['v2.8.3-pipeline-error-parse', 'error'],
  ['v2.8.3-pipeline-error-secret', 'error'],
  ['v2.8.3-pipeline-failure', 'failure', 1_795_872_090],
  ['v2.8.3-pipeline-failure-ignore', 'success', 1_795_872_134],
  ['v2.8.3-pipeline-failure-skipped-last', 'failure', 1_795_872_092],
  ['v2.8.3-pipeline-fork-pull_request', 'fork'],
  ['v2.8.3-pipeline-killed-at-once', 'killed'],
  ['v2.8.3-pipeline-killed-while-blocked', 'killed'],
  ['v2.8.3-pipeline-manual', 'success', 1_795_872_198],
  ['v2.8.3-pipeline-multi-success', 'success', 1_795_872_096],
  ['v2.8.3-pipeline-pending', 'unfinished'],
  ['v2.8.3-pipeline-pull_request', 'pull_request'],
  ['v2.8.3-pipeline-pull_request_closed', 'pull_request'],
  ['v2.8.3-pipeline-push-other-branch', 'branch'],
  ['v2.8.3-pipeline-release', 'success', 1_795_872_198],
  ['v2.8.3-pipeline-restart-failure', 'failure', 1_795_872_134],
  ['v2.8.3-pipeline-server-killed-while-running', 'success', 1_795_872_425],
  ['v2.8.3-pipeline-success', 'success', 1_795_872_089],
  ['v2.8.3-pipeline-superseded', 'killed'],
  ['v2.8.3-pipeline-tag', 'success', 1_795_872_196],
  ['v3.13.0-pipeline-canceled-pending', 'killed'],
  ['v3.13.0-pipeline-canceled-running', 'killed'],
  ['v3.13.0-pipeline-failure', 'failure', 1_795_873_098],
  ['v3.13.0-pipeline-failure-skipped-last', 'failure', 1_795_873_099],
  ['v3.17.0-pipeline-agent-killed-while-running', 'killed'],
  ['v3.17.0-pipeline-approved', 'unfinished'],
  ['v3.17.0-pipeline-blocked', 'unfinished'],
  ['v3.17.0-pipeline-canceled-pending', 'canceled'],
  ['v3.17.0-pipeline-cron', 'success', 1_795_871_401],
  ['v3.17.0-pipeline-declined', 'declined'],
  ['v3.17.0-pipeline-deployment', 'success', 1_795_872_416],
  ['v3.17.0-pipeline-deployment-canceled-pending', 'canceled'],
  ['v3.17.0-pipeline-error-lint', 'error'],
  ['v3.17.0-pipeline-error-parse', 'error'],
  ['v3.17.0-pipeline-error-secret', 'error'],
  ['v3.17.0-pipeline-failure', 'failure', 1_795_871_264],
  ['v3.17.0-pipeline-failure-ignore', 'success', 1_795_871_308],
  // The server wrote no finish, so this is the latest one of its workflows and steps.
  ['v3.17.0-pipeline-failure-skipped-last', 'failure', 1_795_871_266],
  ['v3.17.0-pipeline-fork-pull_request', 'fork'],
  ['v3.17.0-pipeline-killed-by-step', 'failure', 1_795_871_303],
  ['v3.17.0-pipeline-killed-by-timeout', 'killed'],
  ['v3.17.0-pipeline-killed-by-user', 'killed'],
  ['v3.17.0-pipeline-killed-while-blocked', 'killed'],
  ['v3.17.0-pipeline-manual', 'success', 1_795_871_400],
  ['v3.17.0-pipeline-multi-success', 'success', 1_795_871_292],
  ['v3.17.0-pipeline-pull_request', 'pull_request'],
  ['v3.17.0-pipeline-pull_request_closed', 'pull_request'],
  ['v3.17.0-pipeline-push-other-branch', 'branch'],
  ['v3.17.0-pipeline-release', 'success', 1_795_871_399],
  ['v3.17.0-pipeline-restart-error', 'error'],
  ['v3.17.0-pipeline-restart-of-deployment', 'success', 1_795_872_417],
  ['v3.17.0-pipeline-restart-of-failure', 'failure', 1_795_872_416],
  ['v3.17.0-pipeline-server-killed-while-running', 'killed'],
  ['v3.17.0-pipeline-success', 'success', 1_795_871_263],
  ['v3.17.0-pipeline-superseded', 'killed'],
  ['v3.17.0-pipeline-tag', 'success', 1_795_871_398],
];

describe('recorded ends of whole pipelines', () => {
  it.each(ends.map(([name, ...end]) => ({ name, end })))('$name ends as $end', ({ name, end }) => {
    expect(endOf(read(name))).toEqual(end);
  });

  it('cover every recorded pipeline', () => {
    const files = readdirSync(new URL('../fixtures/woodpecker/recorded/', import.meta.url));
    const pipelines = files.filter((file) => file.includes('-pipeline-'));
    expect(pipelines.sort()).toEqual(ends.map(([name]) => `${name}.json`).sort());
  });

  it('are killed for a failure of an old server if only the cancelled step reports failure', () => {
    const { repo, pipeline } = WireEvent.parse(caseOf('cancelled-run-2.8.json'));
    expect(repo.full_name).toBe('acme/shop');
    expect(endOf(toRecord(pipeline, 'other', receivedAt))).toEqual(['killed']);
  });

  it.each(['v3.13.0', 'v2.8.3'])(
    'are the same from the stream and from a later read of a cancelled run of %s, in either order',
    (version) => {
      const stream = version === 'v2.8.3' ? 'killed-at-once' : 'canceled-running';
      const messages = fixture(`recorded/${version}-stream-${stream}.json`);
      const live = WireEvent.array()
        .parse(messages)
        .map(({ pipeline }) => toRecord(pipeline, 'other', receivedAt));
      const late = read(`${version}-pipeline-${stream}`);
      expect(endOf(live.reduce(mergeRecords))).toEqual(['killed']);
      expect(endOf([...live, late].reduce(mergeRecords))).toEqual(['killed']);
      expect([late, ...live].reduce(mergeRecords)).toEqual([...live, late].reduce(mergeRecords));
    },
  );
});

describe('a restart that was killed', () => {
  const restart = (exitCode: number, overrides: Readonly<Record<string, unknown>> = {}) =>
    WirePipeline.parse({
      ...(fixture('recorded/v3.17.0-pipeline-killed-by-timeout.json') as object),
      parent: 10,

      workflows: [
        {
          ...{ pid: 1, name: 'woodpecker', state: 'killed', error: 'Canceled' },
          children: [
            { pid: 2, name: 'clone', state: exitCode === 0 ? 'success' : 'failure', exit_code: exitCode },
            { pid: 3, name: 'build', state: 'failure', exit_code: 0, error: 'context deadline exceeded' },
          ],
        },
      ],
      ...overrides,
    });

  it.each([
    ['stays killed if the step named in its cancellation succeeded', 0, 'clone', ['killed']],
    ['has failed if that step failed again', 1, 'clone', ['failure', 1_795_871_512]],
    ['stays killed if that step did not run again', 0, 'lint', ['killed']],
    ['stays killed if that step is the one that timed out', 0, 'build', ['killed']],
  ])('%s', (_, exitCode, canceled_by_step, end) => {
    const wire = restart(exitCode, { cancel_info: { canceled_by_step } });
    expect(endOf(toRecord(wire, 'rest', receivedAt))).toEqual(end);
  });
});

function caseOf(name: string): unknown {
  return fixture(`../cases/${name}`);
}
