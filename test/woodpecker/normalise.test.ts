import { describe, expect, it } from 'vitest';
import { classify } from '../../src/core/classification.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import {
  needsDetail,
  reportToRecord,
  reportToRepoFacts,
  toRecord,
  toRepoFacts,
  toWholeRecord,
} from '../../src/woodpecker/normalise.ts';
import { timesOf } from '../../src/woodpecker/pipeline-times.ts';
import { StepReport, WireEvent, WirePipeline, WireRepo } from '../../src/woodpecker/wire.ts';
import { fixture } from '../support/fixtures.ts';
import { aPolicy, aRepo, aStep, aWorkflow } from '../support/records.ts';

const receivedAt = 1_785_500_450;

/** A push that ran from 5000 to 5100, created at 4990. */
function aPipeline(overrides: Readonly<Record<string, unknown>> = {}): WirePipeline {
  return WirePipeline.parse({
    id: 501,
    number: 12,
    status: 'success',
    event: 'push',
    branch: 'main',
    created: 4990,
    updated: 5101,
    started: 5000,
    finished: 5100,
    version: '3.17.0',
    ...overrides,
  });
}

const finishOf = (overrides: Readonly<Record<string, unknown>>, at = receivedAt) =>
  toRecord(aPipeline(overrides), 'rest', at).finishedAt;

const outcomeOf = (record: PipelineRecord) => {
  const [one] = classify(aPolicy(), aRepo(), record).tiers;
  return one?.kind === 'deployment' ? [one.outcome, one.at] : [one?.kind];
};

describe('toRecord', () => {
  it('reads an event of 3.17 as a success at its finish', () => {
    const { pipeline } = WireEvent.parse(fixture('v3.17.0-event.json'));
    const record = toRecord(pipeline, 'other', receivedAt);
    const part = { name: 'deploy', startedAt: 1_785_500_103, finishedAt: 1_785_500_390 };
    expect(record).toEqual({
      ...{ number: 841, id: 9120, status: 'success', event: 'deployment', deployTo: 'production' },
      ...{ branch: 'main', ref: 'refs/heads/main', commit: '2fff90f8d288a4640e90f05049fe30e61a14fd50' },
      ...{ parent: 838, message: 'fix: retry upload\n', fromFork: false, committedAt: null },
      ...{ createdAt: 1_785_500_100, startedAt: 1_785_500_103, finishedAt: 1_785_500_390 },
      ...{ updatedAt: 1_785_500_390, endSeenAt: receivedAt, firstEndReportAt: null },
      ...{ hasOneClock: true, clockAhead: 0, hasWorkflows: true, fromRest: false, canceledByStep: null },
      workflows: [aWorkflow({ ...part, pid: 1, steps: [aStep({ ...part, pid: 2 })] })],
      tierReports: [],
    });
    expect(outcomeOf(record)).toEqual(['success', 1_785_500_390]);
  });

  it.each([
    ['v2.8.3-pipelines.json', 213, 'running', null, null],
    ['v2.8.3-pipelines.json', 212, 'success', 1_736_500_312, null],
    // Without its workflows, the last write is the best known end.
    ['v2.8.3-pipelines.json', 211, 'failure', 1_736_490_200, null],
    ['v3.17.0-pipelines.json', 841, 'success', 1_785_500_390, null],
    ['v3.17.0-pipelines.json', 838, 'killed', 1_785_490_031, null],
    ['v3.17.0-pipelines.json', 834, 'failure', 1_785_490_031, null],
    // Its finish lies two hours before its creation; so does its last write.
    ['v3.17.0-pipelines.json', 833, 'error', 1_785_481_000, null],
    ['v3.17.0-pipelines.json', 832, 'killed', 1_785_490_031, 'deploy'],
    ['v3.17.0-pipelines.json', 831, 'declined', 1_785_480_000, null],
  ])('reads %s pipeline %i as %s', (name, number, status, finishedAt, canceledByStep) => {
    const row = WirePipeline.array()
      .parse(fixture(name))
      .find((pipeline) => pipeline.number === number);
    expect(row && toRecord(row, 'rest', receivedAt)).toMatchObject({
      number,
      status,
      finishedAt,
      canceledByStep,
      hasWorkflows: false,
      fromRest: true,
    });
  });

  it('has no finish before the end, whatever the times say', () => {
    for (const status of ['running', 'pending', 'blocked', 'created', 'hibernating']) {
      expect(finishOf({ status })).toBeNull();
    }
  });

  it('takes the latest finish of workflows and steps if the pipeline has none', () => {
    const workflows = [
      { state: 'success', finished: 5040, children: [{ state: 'success', finished: 5040 }] },
      { state: 'failure', finished: 0, children: [{ state: 'failure', finished: 5070 }] },
      { state: 'skipped' },
    ];
    expect(finishOf({ finished: 0, workflows })).toBe(5070);
    const older = [{ state: 'success', end_time: 5040, children: [{ state: 'success', end_time: 5060 }] }];
    expect(finishOf({ finished: 0, workflows: older })).toBe(5060);
  });

  it('takes the last write if no finish is reported, and nothing if there is no last write', () => {
    expect(finishOf({ finished: 0 })).toBe(5101);
    expect(finishOf({ finished: 0, updated: 0 })).toBeNull();
  });

  it.each([
    ['five minutes before creation', { finished: 4690 }, 4690],
    ['more than five minutes before creation', { finished: 4689 }, 5101],
    ['five minutes after the last write', { finished: 5401 }, 5401],
    ['more than five minutes after the last write', { finished: 5402 }, 5101],
    ['anywhere, without creation and last write to compare with', { created: 0, updated: 0, finished: 9 }, 9],
  ])('checks a finish %s against the clocks of the server', (_, overrides, finishedAt) => {
    expect(finishOf(overrides)).toBe(finishedAt);
  });

  it('contains its source, and whether that source reports workflows', () => {
    expect(toRecord(aPipeline(), 'rest', receivedAt)).toMatchObject({ fromRest: true, hasWorkflows: false });
    expect(toWholeRecord(aPipeline(), receivedAt)).toMatchObject({ fromRest: true, hasWorkflows: true });
    expect(toRecord(aPipeline(), 'other', receivedAt)).toMatchObject({ fromRest: false, hasWorkflows: true });
  });

  it('distinguishes unknown event, branch, creation and start from empty ones', () => {
    const record = toRecord(WirePipeline.parse({ number: 1, status: 'success' }), 'other', receivedAt);
    expect(record).toMatchObject({
      id: 0,
      event: null,
      branch: null,
      createdAt: null,
      startedAt: null,
      finishedAt: null,
      updatedAt: 0,
    });
  });

  it.each([
    ['push', 'hotfix: stop the leak'],
    ['manual', 'hotfix: stop the leak'],
    ['deployment', 'hotfix: stop the leak'],
    ['cron', ''],
    ['tag', ''],
    ['release', ''],
    ['pull_request', ''],
  ])('keeps for a %s the message "%s"', (event, message) => {
    const record = toRecord(aPipeline({ event, message: 'hotfix: stop the leak' }), 'rest', receivedAt);
    expect(record.message).toBe(message);
  });

  it('cuts a long message without leaving half a character', () => {
    const record = toRecord(aPipeline({ message: `${'m'.repeat(511)}😀` }), 'rest', receivedAt);
    expect(record.message).toBe(`${'m'.repeat(511)}\ufffd`);
  });

  describe('of workflows', () => {
    const step = { pid: 3, name: 'ship', state: 'failure', exit_code: 2, started: 5010, finished: 5090 };

    it('keeps name, state, times, exit code and the last line of the error, in order of pid', () => {
      const later = { pid: 2, name: 'deploy', state: 'failure', error: 'uuid=1: exit code 2\nCanceled\n' };
      const workflows = [
        {
          ...later,
          started: 5010,
          finished: 5090,
          children: [step, { pid: 4, name: 'tell', state: 'skipped' }],
        },
        { pid: 1, name: 'test', state: 'success', start_time: 5000, end_time: 5010 },
      ];
      const times = { startedAt: 5010, finishedAt: 5090 };
      const failed = { state: 'failure', ...times };
      const never = { state: 'skipped', startedAt: null, finishedAt: null };
      expect(toRecord(aPipeline({ status: 'failure', workflows }), 'rest', receivedAt).workflows).toEqual([
        aWorkflow({ pid: 1, name: 'test', state: 'success', startedAt: 5000, finishedAt: 5010, steps: [] }),
        aWorkflow({
          ...{ pid: 2, name: 'deploy', error: 'Canceled', ...failed },
          steps: [
            aStep({ pid: 3, name: 'ship', exitCode: 2, ...failed }),
            aStep({ pid: 4, name: 'tell', exitCode: 0, ...never }),
          ],
        }),
      ]);
    });

    it.each([
      ['before the end', { status: 'running' }],
      ['of a pull request', { event: 'pull_request' }],
      ['of a fork', { from_fork: true }],
    ])('keeps none %s', (_, overrides) => {
      const workflows = [{ state: 'success', children: [step] }];
      expect(toRecord(aPipeline({ ...overrides, workflows }), 'rest', receivedAt)).toMatchObject({
        hasWorkflows: true,
        workflows: [],
      });
    });
  });

  it('keeps the step that cancelled a killed run, but not in a restart that ended otherwise', () => {
    const nameOf = (status: string, cancel_info: unknown) =>
      toRecord(aPipeline({ status, cancel_info }), 'rest', receivedAt).canceledByStep;
    expect(nameOf('killed', { canceled_by_step: 'deploy' })).toBe('deploy');
    expect(nameOf('killed', { superseded_by: 839 })).toBeNull();
    expect(nameOf('killed', { canceled_by_user: 'bob' })).toBeNull();
    expect(nameOf('killed', null)).toBeNull();
    expect(nameOf('success', { canceled_by_step: 'deploy' })).toBeNull();
    expect(nameOf('failure', { canceled_by_step: 'deploy' })).toBeNull();
  });
});

describe('needsDetail', () => {
  it.each([
    ['an end with its time', { status: 'success' }, false],
    ['a success without its time', { status: 'success', finished: 0 }, true],
    ['a failure without its time', { status: 'failure', finished: 0 }, true],
    ['an error without its time', { status: 'error', finished: 0 }, true],
    ['a kill without its time', { status: 'killed', finished: 0 }, true],
    ['a failure of a server that reports its version', { status: 'failure' }, false],
    ['a failure of an older server', { status: 'failure', version: '' }, true],
    ['a success of an older server', { status: 'success', version: '' }, false],
    [
      'a restart that its parent’s failing step may have cancelled',
      { status: 'killed', parent: 11, cancel_info: { canceled_by_step: 'deploy' } },
      true,
    ],
    [
      'a first run that a step cancelled',
      { status: 'killed', parent: 0, cancel_info: { canceled_by_step: 'a' } },
      false,
    ],
    [
      'a restart that a user cancelled',
      { status: 'killed', parent: 11, cancel_info: { canceled_by_user: 'a' } },
      false,
    ],
    ['an end under the older field name', { status: 'success', finished: 0, finished_at: 5100 }, false],
    ['a pull request', { status: 'failure', version: '', event: 'pull_request' }, false],
    ['a closed pull request', { status: 'failure', finished: 0, event: 'pull_request_closed' }, false],
    ['a fork', { status: 'failure', version: '', from_fork: true }, false],
    ['a pipeline with workflows', { finished: 0, workflows: [{ state: 'success' }] }, false],
    ['a pipeline with an empty list of workflows', { finished: 0, workflows: [] }, true],
    ['a running pipeline', { status: 'running', finished: 0 }, false],
    ['a blocked pipeline', { status: 'blocked', finished: 0, version: '' }, false],
    ['a declined pipeline, which never counts', { status: 'declined', finished: 0 }, false],
    ['a canceled pipeline, which never counts', { status: 'canceled', finished: 0 }, false],
  ])('decides for %s', (_, overrides, expected) => {
    expect(needsDetail(aPipeline(overrides))).toBe(expected);
  });

  it.each([
    ['v2.8.3-pipelines.json', [211]],
    ['v3.17.0-pipelines.json', []],
  ])('selects only the pipelines of %s that lack data', (name, numbers) => {
    const rows = WirePipeline.array().parse(fixture(name)).filter(needsDetail);
    expect(rows.map(({ number }) => number)).toEqual(numbers);
  });
});

describe('timesOf', () => {
  it('gives every time of a pipeline that matters', () => {
    const workflows = [
      { state: 'success', finished: 5090, children: [{ state: 'success', finished: 5095 }] },
    ];
    expect(timesOf(aPipeline({ workflows }))).toEqual({
      'pipeline.created': 4990,
      'pipeline.updated': 5101,
      'pipeline.started': 5000,
      'pipeline.finished': 5100,
      'pipeline.workflows': 5095,
    });
    const older = { created_at: 1, updated_at: 2, started_at: 3, finished_at: 4 };
    expect(timesOf(WirePipeline.parse({ number: 1, status: 'success', ...older }))).toEqual({
      'pipeline.created': 1,
      'pipeline.updated': 2,
      'pipeline.started': 3,
      'pipeline.finished': 4,
      'pipeline.workflows': 0,
    });
  });
});

describe('toRepoFacts', () => {
  it('copies the fields of the wire', () => {
    const repo = WireRepo.parse({
      id: 7,
      forge_remote_id: '41',
      full_name: 'acme/shop',
      default_branch: 'main',
    });
    expect(toRepoFacts(repo, 1234)).toEqual({
      woodpeckerId: 7,
      forgeRemoteId: '41',
      fullName: 'acme/shop',
      defaultBranch: 'main',
      asOf: 1234,
    });
  });

  it('leaves unknown what the wire leaves out', () => {
    for (const forge_remote_id of ['', '0', null]) {
      const repo = WireRepo.parse({ owner: 'acme', name: 'shop', forge_remote_id });
      expect(toRepoFacts(repo, 0)).toEqual({
        woodpeckerId: null,
        forgeRemoteId: null,
        fullName: 'acme/shop',
        defaultBranch: null,
        asOf: 0,
      });
    }
  });
});

describe('a step’s report', () => {
  const report = (overrides: Readonly<Record<string, unknown>> = {}) =>
    StepReport.parse({ repo: 'acme/shop', number: '12', ...overrides });

  it('becomes a record of its fields', () => {
    const told = report({
      status: 'failure',
      event: 'deployment',
      branch: 'main',
      deploy_to: 'production',
      commit: '2fff90f8',
      started: '1785500103',
      finished: '1785500390',
      commit_time: 1_785_490_000,
    });
    expect(reportToRecord(told, receivedAt)).toEqual({
      ...{ number: 12, id: 0, status: 'failure', event: 'deployment', deployTo: 'production' },
      ...{ branch: 'main', ref: null, commit: '2fff90f8', parent: null, message: '', fromFork: false },
      ...{ committedAt: 1_785_490_000, createdAt: null, startedAt: 1_785_500_103, finishedAt: 1_785_500_390 },
      ...{ updatedAt: 0, endSeenAt: null, firstEndReportAt: null, hasOneClock: true, clockAhead: 0 },
      ...{ hasWorkflows: true, fromRest: false, canceledByStep: null, workflows: [], tierReports: [] },
    });
  });

  it('leaves unknown the fields that are empty', () => {
    const told = report({ status: '', event: '', branch: '', deploy_to: '', started: '', commit_time: '' });
    expect(reportToRecord(told, receivedAt)).toMatchObject({
      status: '',
      event: null,
      branch: null,
      deployTo: '',
      startedAt: null,
      finishedAt: null,
      committedAt: null,
      firstEndReportAt: null,
    });
  });

  it('without the time of its end ends at its receipt', () => {
    expect(reportToRecord(report({ status: 'success' }), receivedAt)).toMatchObject({
      finishedAt: null,
      firstEndReportAt: 1_785_500_450,
    });
    expect(outcomeOf(reportToRecord(report({ status: 'success', event: 'push' }), receivedAt))).toEqual([
      'success',
      1_785_500_450,
    ]);
  });

  it('of a running pipeline has no end, whatever time it contains', () => {
    expect(reportToRecord(report({ status: 'running', finished: 5000 }), receivedAt)).toMatchObject({
      finishedAt: null,
      firstEndReportAt: null,
    });
  });

  it('identifies its repo by name, and by the id in its link', () => {
    const facts = (url: string) => reportToRepoFacts(report({ url }));
    expect(facts('https://ci.example.com/repos/7/pipeline/12')).toEqual({
      woodpeckerId: 7,
      forgeRemoteId: null,
      fullName: 'acme/shop',
      defaultBranch: null,
      asOf: 0,
    });
    expect(facts('https://ci.example.com/repos/7/pipeline/11').woodpeckerId).toBeNull();
    expect(facts('').woodpeckerId).toBeNull();
  });
});
