/** Failures, rework and recoveries of deployments in the metrics: the contract's examples, through ingest and store. */

import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { defaultPolicy, type Policy, type TierRule } from '../../src/core/policy.ts';
import { nowSeconds } from '../../src/util/clock.ts';
import { deliver } from '../support/deliver.ts';
import { aPolicy, aRecord, aStep, aWorkflow, someFacts } from '../support/records.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

const [minute, hour, day] = [60, 3600, 86_400];

const rules = (...tiers: TierRule[]): Policy => aPolicy({ tiers, windows: defaultPolicy.windows });
const production = rules({ tier: 'production', events: ['push', 'tag', 'deployment', 'manual'] });

const commitOf = (name: string) => name.toLowerCase().padEnd(40, '0').replaceAll('v', 'a');

interface Told extends Partial<PipelineRecord> {
  readonly number: number;
  /** Its end, as seconds before noon. */
  readonly ago: number;
}

async function tell(exporter: SmallExporter, ...told: Told[]): Promise<void> {
  for (const { ago, ...fields } of told) {
    const finishedAt = noon - ago;
    const times = { createdAt: finishedAt - minute, startedAt: finishedAt - minute, updatedAt: finishedAt };
    const record = aRecord({ id: 500 + fields.number, commit: '', ...times, finishedAt, ...fields });
    await deliver(exporter.ingest, someFacts({ asOf: noon }), record);
  }
}

/** Samples of the 30d window, and the counters of the tier. */
async function shownBy(exporter: SmallExporter, tier = 'production') {
  const text = await (await exporter.app().request('/metrics')).text();
  const value = (name: string, labels = ''): number => {
    const line = text
      .split('\n')
      .find((one) => one.startsWith(`${name}{repo="acme/shop",tier="${tier}"${labels}} `));
    return line === undefined ? 0 : Number(line.split(' ').at(-1));
  };
  const inWindow = (name: string, labels = '') => value(`dora_window_${name}`, `,window="30d"${labels}`);
  const byCause = (cause: string) => inWindow('failed_deployments_by_cause', `,cause="${cause}"`);
  return {
    deployments: inWindow('deployments'),
    failed: inWindow('failed_deployments'),
    causes: ['pipeline', 'rollback', 'fix', 'incident', 'operator'].filter((cause) => byCause(cause) > 0),
    rework: inWindow('rework_deployments'),
    recoveries: inWindow('recovery_time_samples'),
    recovery: inWindow('recovery_time_seconds', ',quantile="0.5"'),
    failingAgo: (() => {
      const since = value('dora_deployment_failing_since_timestamp');
      return since === 0 ? null : nowSeconds(exporter.clock) - since;
    })(),
    failures: value('dora_deployment_failures_total'),
  };
}

const report = (exporter: SmallExporter, id: string, fields: Record<string, unknown>) =>
  exporter.app().request('/incidents', {
    method: 'POST',
    headers: { authorization: 'Bearer pager-of-the-tests', 'content-type': 'application/json' },
    body: JSON.stringify({ id, repo: 'acme/shop', tier: 'production', ...fields }),
  });

describe('a pipeline', () => {
  it('is no deployment if its tests failed before the part that deploys', async () => {
    const exporter = await createSmallExporter({
      policy: rules({ tier: 'production', workflows: ['deploy'] }),
    });
    const ranAt = (at: number) => ({ startedAt: at - 30, finishedAt: at });
    const deployed = (ago: number) => ({
      workflows: [aWorkflow({ name: 'deploy', ...ranAt(noon - ago) })],
    });
    const never = { state: 'killed', startedAt: null, finishedAt: null };
    const stopped = {
      status: 'failure',
      workflows: [aWorkflow({ name: 'deploy', ...never, steps: [aStep(never)] })],
    };
    await tell(
      exporter,
      { number: 1, ago: 5 * hour, ...deployed(5 * hour) },
      ...[2, 3, 4, 5].map((number) => ({ number, ago: (6 - number) * hour, ...stopped })),
      { number: 6, ago: minute, ...deployed(minute) },
    );
    expect(await shownBy(exporter)).toMatchObject({ deployments: 2, failed: 0, recoveries: 0 });
  });

  it('is a deployment by its part alone: later failures do not matter, and each tier has its own part', async () => {
    const exporter = await createSmallExporter({
      policy: rules(
        { tier: 'staging', workflows: ['stage'] },
        { tier: 'production', workflows: ['deploy'], steps: ['ship'] },
      ),
    });
    const times = { startedAt: noon - 10 * minute, finishedAt: noon - 5 * minute };
    await tell(exporter, {
      ...{ number: 1, ago: minute, status: 'failure' },
      workflows: [
        aWorkflow({ name: 'stage', ...times }),
        aWorkflow({
          ...{ name: 'deploy', state: 'failure', ...times },
          steps: [
            aStep({ name: 'ship', ...times }),
            aStep({ name: 'notify', state: 'failure', exitCode: 1, ...times }),
          ],
        }),
      ],
    });
    for (const tier of ['staging', 'production']) {
      expect(await shownBy(exporter, tier)).toMatchObject({ deployments: 1, failed: 0, failingAgo: null });
    }
  });

  it('is no deployment for the tag of a release candidate, if the policy says so', async () => {
    const policy = rules({ tier: 'production', events: ['tag'], tags: ['v*', '!*-*'] });
    const exporter = await createSmallExporter({ policy });
    await tell(
      exporter,
      { number: 1, ago: hour, event: 'tag', ref: 'refs/tags/v1.0.0-rc.1' },
      { number: 2, ago: minute, event: 'tag', ref: 'refs/tags/v1.0.0' },
    );
    expect(await shownBy(exporter)).toMatchObject({ deployments: 1 });
  });
});

describe('a deployment that was rolled back', () => {
  it('is a failure until the rollback, and the rollback is rework', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 5 * hour, commit: commitOf('V1') },
      { number: 2, ago: 3 * hour, commit: commitOf('V2') },
      { number: 3, ago: 3 * hour - 90 * minute, commit: commitOf('V1'), parent: 1 },
    );
    expect(await shownBy(exporter)).toEqual({
      ...{ deployments: 3, failed: 1, causes: ['rollback'], rework: 1 },
      ...{ recoveries: 1, recovery: 90 * minute, failingAgo: null, failures: 1 },
    });
  });

  it('is V2 if V1 is deployed again after V3; a restart of V1 rolls nothing back', async () => {
    const exporter = await createSmallExporter({ policy: production });
    const deploy = (number: number, name: string) => ({
      number,
      ago: (9 - number) * hour,
      commit: commitOf(name),
      event: 'deployment',
    });
    await tell(exporter, deploy(1, 'V1'), deploy(2, 'V1'));
    expect(await shownBy(exporter)).toMatchObject({ deployments: 2, failed: 0, rework: 0 });
    await tell(exporter, deploy(3, 'V2'), deploy(4, 'V3'), deploy(5, 'V1'));
    // From the finish of V2 to the finish of the rollback.
    expect(await shownBy(exporter)).toMatchObject({ failed: 1, rework: 1, recovery: 2 * hour });
  });

  it('is V2 alone if V1 is deployed again after V4: a later V3 goes forward, and rolls nothing back', async () => {
    const exporter = await createSmallExporter({ policy: production });
    const deploys = ['V1', 'V2', 'V3', 'V4', 'V1', 'V3'].map((name, index) => ({
      number: index + 1,
      ago: (9 - index) * hour,
      commit: commitOf(name),
      event: 'deployment',
    }));
    await tell(exporter, ...deploys);
    expect(await shownBy(exporter)).toMatchObject({
      ...{ deployments: 6, failed: 1, causes: ['rollback'], rework: 1 },
      // From the finish of V2 to the finish of the second V1.
      ...{ recoveries: 1, recovery: 3 * hour, failures: 1 },
    });
  });

  it('has the same figures in any order of arrival', async () => {
    const told = [
      { number: 1, ago: 5 * hour, commit: commitOf('V1') },
      { number: 2, ago: 3 * hour, commit: commitOf('V2') },
      { number: 3, ago: hour, commit: commitOf('V1'), parent: 1 },
    ];
    const shown = [];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const exporter = await createSmallExporter({ policy: production });
      await tell(exporter, ...order.flatMap((index) => told[index] ?? []));
      shown.push(await shownBy(exporter));
    }
    expect(new Set(shown.map((one) => JSON.stringify(one))).size).toBe(1);
  });
});

describe('a deployment that was fixed', () => {
  it('is none if a revert names an unknown commit, although its message matches the rework rules', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 3 * hour, commit: commitOf('V1') },
      {
        number: 2,
        ago: 2 * hour,
        commit: commitOf('V2'),
        message: `Revert "add"\n\nThis reverts commit ${commitOf('V9')}.`,
      },
    );
    expect(await shownBy(exporter)).toMatchObject({ deployments: 2, failed: 0, causes: [], rework: 1 });
  });

  it('is a failure if a revert names its commit, or if a deployment that matches the rework rules follows it', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 50 * hour, commit: commitOf('V1') },
      { number: 2, ago: 49 * hour, commit: commitOf('V2') },
      { number: 3, ago: 48 * hour, commit: commitOf('V3') },
      {
        number: 4,
        ago: 47 * hour,
        commit: commitOf('V4'),
        message: `Revert "add"\n\nThis reverts commit ${commitOf('V2')}.`,
      },
      { number: 5, ago: 3 * hour, commit: commitOf('V5') },
      { number: 6, ago: hour, commit: commitOf('V6'), message: 'hotfix: the cart' },
    );
    const { causes, failed, rework, recoveries } = await shownBy(exporter);
    expect({ causes, failed, rework, recoveries }).toEqual({
      causes: ['fix'],
      failed: 2,
      rework: 2,
      recoveries: 2,
    });
  });
});

describe('a deployment that caused an incident', () => {
  it('is a failure from its finish to the end of the incident', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(exporter, { number: 1, ago: 5 * hour, commit: commitOf('V1') });
    expect((await report(exporter, 'INC-1', { started: noon - 3 * hour })).status).toBe(202);
    expect(await shownBy(exporter)).toMatchObject({
      failed: 1,
      causes: ['incident'],
      failingAgo: 5 * hour,
      failures: 1,
    });
    await report(exporter, 'INC-1', { started: noon - 3 * hour, resolved: noon - hour });
    expect(await shownBy(exporter)).toMatchObject({
      failed: 1,
      recovery: 4 * hour,
      failingAgo: null,
      failures: 1,
    });
    await report(exporter, 'INC-1', { started: noon - 3 * hour, dismissed: true });
    // Counters never fall.
    expect(await shownBy(exporter)).toMatchObject({ failed: 0, recoveries: 0, failures: 1 });
  });

  it('is neither an earlier deployment, nor one whose incident started too late', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 5 * day, commit: commitOf('V1') },
      { number: 2, ago: 2 * day, commit: commitOf('V2') },
    );
    await report(exporter, 'INC-2', { started: noon - 2 * day + day + 1 });
    expect(await shownBy(exporter)).toMatchObject({ failed: 0 });
    await report(exporter, 'INC-3', { started: noon - 2 * day + day });
    expect(await shownBy(exporter)).toMatchObject({ failed: 1 });
  });

  it('is the last one that had started when the incident started, although it finished later', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 5 * hour, commit: commitOf('V1') },
      { number: 2, ago: hour, startedAt: noon - 3 * hour, commit: commitOf('V2') },
    );
    await report(exporter, 'INC-4', { started: noon - 2 * hour });
    expect(await shownBy(exporter)).toMatchObject({ failed: 1, causes: ['incident'], failingAgo: hour });
  });

  it('is no longer an open failure once its alert was not repeated for a day', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(exporter, { number: 1, ago: 5 * hour, commit: commitOf('V1') });
    const alert = {
      fingerprint: 'f1',
      status: 'firing',
      labels: { alertname: 'Down', dora_repo: 'acme/shop', dora_tier: 'production' },
      startsAt: new Date((noon - hour) * 1000).toISOString(),
    };
    await exporter.app().request('/incidents', {
      method: 'POST',
      headers: { authorization: 'Bearer pager-of-the-tests', 'content-type': 'application/json' },
      body: JSON.stringify({ alerts: [alert] }),
    });
    expect(await shownBy(exporter)).toMatchObject({ failingAgo: 5 * hour });
    await exporter.clock.advance(day + 1);
    expect(await shownBy(exporter)).toMatchObject({ failed: 1, failingAgo: null, recoveries: 0 });
  });
});

describe('an operator', () => {
  const mark = (exporter: SmallExporter, number: number, body: unknown, method = 'PUT') =>
    exporter.app().request(`/deployments/acme/shop/${number}/mark?tier=production`, {
      method,
      headers: { authorization: 'Bearer admin-token-of-the-tests', 'content-type': 'application/json' },
      ...(method === 'PUT' && { body: JSON.stringify(body) }),
    });

  it('marks a deployment as failed, as fine, and as ignored, and removes the mark', async () => {
    const exporter = await createSmallExporter({ policy: production });
    await tell(
      exporter,
      { number: 1, ago: 5 * hour, commit: commitOf('V1') },
      { number: 2, ago: 3 * hour, commit: commitOf('V2') },
      { number: 3, ago: hour, commit: commitOf('V1'), parent: 1 },
    );
    await mark(exporter, 3, { mark: 'failed', recovered: noon - hour / 2 });
    expect(await shownBy(exporter)).toMatchObject({
      failed: 2,
      causes: ['rollback', 'operator'],
      recoveries: 1,
      recovery: 2.5 * hour,
    });
    await mark(exporter, 3, null, 'DELETE');
    await mark(exporter, 2, { mark: 'fine' });
    // A rollback of a deployment that is fine is no rework.
    expect(await shownBy(exporter)).toMatchObject({ failed: 0, causes: [], rework: 0 });
    await mark(exporter, 2, { mark: 'ignore' });
    expect(await shownBy(exporter)).toMatchObject({ deployments: 2, failed: 0 });
    await mark(exporter, 2, null, 'DELETE');
    expect(await shownBy(exporter)).toMatchObject({
      deployments: 3,
      failed: 1,
      causes: ['rollback'],
      failures: 2,
    });
  });
});
