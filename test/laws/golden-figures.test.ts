/**
 * Histories of a week, with figures that were computed by hand. Both the service, through ingest, and the oracle must
 * give these figures.
 */

import { describe, expect, it } from 'vitest';
import { lookupsOf } from '../../src/core/lead-time-lookups.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { deliver } from '../support/deliver.ts';
import {
  type CommitGraph,
  expectSeries,
  expectWindow,
  type ForgeAnswer,
  type Truth,
} from '../support/dora-oracle.ts';
import { expectShown, rangeOf, shownOf } from '../support/dora-play.ts';
import { projectWindows } from '../support/projected.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createWorld } from '../support/world.ts';

/** `Mon 10:20` or `Mon 10:20:05`. */
type Moment = string;

/** One deployment. Rows are in order of arrival. */
interface Row {
  readonly at: Moment;
  readonly number: number;
  readonly is: 'success' | 'failure';
  readonly of?: string;
  readonly tier?: string;
  readonly branch?: string;
  /** Commit time that a step reported. */
  readonly reported?: Moment;
}

interface Story {
  readonly title: string;
  /** By id: the time of the commit, then its parents. */
  readonly commits?: Readonly<Record<string, readonly [Moment, ...string[]]>>;
  /** Commits that the forge has lost. */
  readonly lost?: readonly string[];
  readonly rows: readonly Row[];
  readonly now: Moment;
  /** A day by default. */
  readonly windowSeconds?: number;
  /** By tier; all times are in seconds. */
  readonly expected: Readonly<Record<string, Expected>>;
}

interface Expected {
  readonly failingSince?: Moment;
  readonly lastSuccess?: Moment;
  readonly lastFailure?: Moment;
  readonly deployments: number;
  readonly failed: number;
  readonly rework?: number;
  /** Samples, the median, and the 95th percentile. */
  readonly leadTime?: readonly [readonly number[], number, number];
  readonly recovery?: readonly [readonly number[], number, number];
  readonly unknown?: number;
}

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const monday = Date.UTC(2026, 2, 2) / 1000;
const daySeconds = 86_400;

function secondsOf(moment: Moment): number {
  const match = /^(\w{3}) (\d\d):(\d\d)(?::(\d\d))?$/.exec(moment);
  if (!match) throw new Error(`"${moment}" is no moment`);
  const [, day = '', hours, minutes, seconds = '0'] = match;
  return (
    monday + days.indexOf(day) * daySeconds + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  );
}

const stories: readonly Story[] = [
  {
    title: 'a streak of failures is one episode, from the first failure',
    rows: [
      { at: 'Mon 10:00', number: 1, is: 'success' },
      { at: 'Mon 10:10', number: 2, is: 'failure' },
      { at: 'Mon 10:20', number: 3, is: 'failure' },
      { at: 'Mon 10:40', number: 4, is: 'failure' },
      { at: 'Mon 11:00', number: 5, is: 'success' },
    ],
    now: 'Mon 12:00',
    expected: {
      production: {
        lastSuccess: 'Mon 11:00',
        lastFailure: 'Mon 10:40',
        deployments: 5,
        failed: 3,
        recovery: [[3000], 3000, 3000],
        unknown: 2,
      },
    },
  },
  {
    title: 'a recovery belongs to the window of its end, even if the failure began before the window',
    rows: [
      { at: 'Mon 09:00', number: 1, is: 'failure' },
      { at: 'Tue 11:00', number: 2, is: 'success' },
    ],
    now: 'Tue 12:00',
    expected: {
      production: {
        lastSuccess: 'Tue 11:00',
        lastFailure: 'Mon 09:00',
        deployments: 1,
        failed: 0,
        recovery: [[93_600], 93_600, 93_600],
        unknown: 1,
      },
    },
  },
  {
    title: 'a deployment exactly one window ago is no longer in the window',
    rows: [
      { at: 'Mon 12:00', number: 1, is: 'failure' },
      { at: 'Mon 12:00:01', number: 2, is: 'success' },
    ],
    now: 'Tue 12:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:00:01',
        lastFailure: 'Mon 12:00',
        deployments: 1,
        failed: 0,
        recovery: [[1], 1, 1],
        unknown: 1,
      },
    },
  },
  {
    title: 'an open episode is visible, but is not a recovery yet',
    rows: [
      { at: 'Mon 10:00', number: 1, is: 'success' },
      { at: 'Mon 11:00', number: 2, is: 'failure' },
      { at: 'Mon 12:00', number: 3, is: 'failure' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        failingSince: 'Mon 11:00',
        lastSuccess: 'Mon 10:00',
        lastFailure: 'Mon 12:00',
        deployments: 3,
        failed: 2,
        unknown: 1,
      },
    },
  },
  {
    title: 'only failures: failing since the first one',
    rows: [
      { at: 'Mon 10:00', number: 1, is: 'failure' },
      { at: 'Mon 11:00', number: 2, is: 'failure' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: { failingSince: 'Mon 10:00', lastFailure: 'Mon 11:00', deployments: 2, failed: 2 },
    },
  },
  {
    title: 'restarts of one commit: each attempt counts, but the commit counts once',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'failure', of: 'b' },
      { at: 'Mon 10:30', number: 3, is: 'success', of: 'b' },
      { at: 'Mon 11:00', number: 4, is: 'success', of: 'b' },
    ],
    now: 'Mon 12:00',
    expected: {
      production: {
        lastSuccess: 'Mon 11:00',
        lastFailure: 'Mon 10:00',
        deployments: 4,
        failed: 1,
        leadTime: [[1800, 5400], 3600, 5220],
        recovery: [[1800], 1800, 1800],
      },
    },
  },
  {
    title: 'two tiers of one repo: their commits and failures are independent',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'] },
    rows: [
      { at: 'Mon 08:10', number: 1, is: 'success', of: 'a', tier: 'staging' },
      { at: 'Mon 08:30', number: 2, is: 'success', of: 'a' },
      { at: 'Mon 09:20', number: 3, is: 'failure', of: 'b', tier: 'staging' },
      { at: 'Mon 09:30', number: 4, is: 'success', of: 'b', tier: 'staging' },
      { at: 'Mon 11:00', number: 5, is: 'success', of: 'b' },
    ],
    now: 'Mon 12:00',
    expected: {
      production: {
        lastSuccess: 'Mon 11:00',
        deployments: 2,
        failed: 0,
        leadTime: [[1800, 7200], 4500, 6930],
      },
      staging: {
        lastSuccess: 'Mon 09:30',
        lastFailure: 'Mon 09:20',
        deployments: 3,
        failed: 1,
        leadTime: [[600, 1800], 1200, 1740],
        recovery: [[600], 600, 600],
      },
    },
  },
  {
    title: 'a success that arrives late splits an episode in two',
    rows: [
      { at: 'Mon 10:00', number: 1, is: 'failure' },
      { at: 'Mon 11:30', number: 3, is: 'failure' },
      { at: 'Mon 12:00', number: 4, is: 'success' },
      { at: 'Mon 11:00', number: 2, is: 'success' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:00',
        lastFailure: 'Mon 11:30',
        deployments: 4,
        failed: 2,
        recovery: [[1800, 3600], 2700, 3510],
        unknown: 2,
      },
    },
  },
  {
    title: 'a deployment that arrives late takes over the commits that it delivered before the next one',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'], c: ['Mon 10:00', 'b'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 12:00', number: 3, is: 'success', of: 'c' },
      { at: 'Mon 11:00', number: 2, is: 'success', of: 'b' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:00',
        deployments: 3,
        failed: 0,
        leadTime: [[1800, 7200, 7200], 7200, 7200],
      },
    },
  },
  {
    title: 'a rollback delivers nothing, and neither does the deployment forward again',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'], c: ['Mon 10:00', 'b'], d: ['Mon 14:00', 'c'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 11:00', number: 2, is: 'success', of: 'c' },
      { at: 'Mon 12:00', number: 3, is: 'success', of: 'a' },
      { at: 'Mon 13:00', number: 4, is: 'success', of: 'c' },
      { at: 'Mon 15:00', number: 5, is: 'success', of: 'd' },
    ],
    now: 'Mon 16:00',
    expected: {
      production: {
        lastSuccess: 'Mon 15:00',
        deployments: 5,
        failed: 0,
        // a, c, d, b
        leadTime: [[1800, 3600, 3600, 7200], 3600, 6660],
      },
    },
  },
  {
    title: 'a rollback, then a deployment of more commits: only the additional commits are new',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'], c: ['Mon 10:00', 'b'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 09:30', number: 2, is: 'success', of: 'b' },
      { at: 'Mon 09:40', number: 3, is: 'success', of: 'a' },
      { at: 'Mon 12:00', number: 4, is: 'success', of: 'c' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:00',
        deployments: 4,
        failed: 0,
        leadTime: [[1800, 1800, 7200], 1800, 6660],
      },
    },
  },
  {
    title: 'a hotfix branch between two deployments of main, merged back later',
    commits: {
      a: ['Mon 08:00'],
      b: ['Mon 09:00', 'a'],
      h: ['Mon 10:00', 'a'],
      c: ['Mon 11:00', 'b'],
      m: ['Mon 13:00', 'c', 'h'],
      d: ['Mon 13:30', 'm'],
    },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:10', number: 2, is: 'success', of: 'h', branch: 'hotfix/1' },
      { at: 'Mon 12:00', number: 3, is: 'success', of: 'c' },
      { at: 'Mon 14:00', number: 4, is: 'success', of: 'd' },
    ],
    now: 'Mon 15:00',
    expected: {
      production: {
        lastSuccess: 'Mon 14:00',
        deployments: 4,
        failed: 0,
        rework: 1,
        // h, a, d, c, b: not h again, nor the merge m
        leadTime: [[600, 1800, 1800, 3600, 10_800], 1800, 9360],
      },
    },
  },
  {
    title: 'a force push: the deployed commit is not an ancestor of the next one',
    commits: { a: ['Mon 08:00'], b: ['Mon 09:00', 'a'], x: ['Mon 09:30', 'a'], y: ['Mon 11:00', 'x'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'success', of: 'b' },
      { at: 'Mon 12:00', number: 3, is: 'success', of: 'y' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:00',
        deployments: 3,
        failed: 0,
        // a, b, y, x
        leadTime: [[1800, 3600, 3600, 9000], 3600, 8190],
      },
    },
  },
  {
    title:
      'a force push after which the forge has lost the deployed commit: the next commit counts alone, or is unknown',
    commits: {
      a: ['Mon 08:00'],
      b: ['Mon 09:00', 'a'],
      x: ['Mon 09:30', 'a'],
      y: ['Mon 11:00', 'x'],
      z: ['Mon 12:10', 'y'],
    },
    lost: ['b'],
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'success', of: 'b' },
      { at: 'Mon 12:00', number: 3, is: 'success', of: 'y', reported: 'Mon 11:00' },
      { at: 'Mon 12:30', number: 4, is: 'success', of: 'z', reported: 'Mon 09:00' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 12:30',
        deployments: 4,
        failed: 0,
        // z by the forge; a, y as reported; b is unknown; x is not guessed
        leadTime: [[1200, 1800, 3600], 1800, 3420],
        unknown: 1,
      },
    },
  },
  {
    title: 'merge commits do not count, but the merged commits do',
    commits: { a: ['Mon 08:00'], f: ['Mon 08:40', 'a'], g: ['Mon 09:00', 'f'], m: ['Mon 09:50', 'a', 'g'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'success', of: 'm' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 10:00',
        deployments: 2,
        failed: 0,
        leadTime: [[1800, 3600, 4800], 3600, 4680],
      },
    },
  },
  {
    title: 'a squash delivers the one commit that it created',
    commits: { a: ['Mon 08:00'], f: ['Mon 08:40', 'a'], s: ['Mon 09:50', 'a'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'success', of: 's' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: {
        lastSuccess: 'Mon 10:00',
        deployments: 2,
        failed: 0,
        leadTime: [[600, 1800], 1200, 1740],
      },
    },
  },
  {
    title: 'a first deployment delivers only its own commit, or nothing if that is a merge',
    commits: { a: ['Mon 06:00'], b: ['Mon 07:00', 'a'], f: ['Mon 07:10', 'a'], m: ['Mon 08:00', 'b', 'f'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'b' },
      { at: 'Mon 08:40', number: 2, is: 'success', of: 'm', tier: 'staging' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: { lastSuccess: 'Mon 08:30', deployments: 1, failed: 0, leadTime: [[5400], 5400, 5400] },
      staging: { lastSuccess: 'Mon 08:40', deployments: 1, failed: 0 },
    },
  },
  {
    title: 'a commit that is younger than its deployment has a lead time of 0',
    commits: { a: ['Mon 08:00'], b: ['Mon 10:07', 'a'] },
    rows: [
      { at: 'Mon 08:30', number: 1, is: 'success', of: 'a' },
      { at: 'Mon 10:00', number: 2, is: 'success', of: 'b' },
    ],
    now: 'Mon 13:00',
    expected: {
      production: { lastSuccess: 'Mon 10:00', deployments: 2, failed: 0, leadTime: [[0, 1800], 900, 1710] },
    },
  },
  {
    title: 'two deployments that end in one second are in order of their numbers',
    rows: [
      { at: 'Mon 03:00', number: 8, is: 'success' },
      { at: 'Mon 03:00', number: 7, is: 'failure' },
      { at: 'Tue 03:00', number: 10, is: 'failure' },
      { at: 'Tue 03:00', number: 9, is: 'success' },
    ],
    now: 'Tue 04:00',
    windowSeconds: 2 * daySeconds,
    expected: {
      production: {
        failingSince: 'Tue 03:00',
        lastSuccess: 'Tue 03:00',
        lastFailure: 'Tue 03:00',
        deployments: 4,
        failed: 2,
        recovery: [[0], 0, 0],
        unknown: 2,
      },
    },
  },
];

const graphOf = ({ commits = {} }: Story): CommitGraph =>
  new Map(
    Object.entries(commits).map(([id, [madeAt, ...parents]]) => [
      id,
      { committedAt: secondsOf(madeAt), parents },
    ]),
  );

const modeOf = ({ commits, windowSeconds = daySeconds }: Story): IntakeMode => ({
  policy: aPolicy({
    tiers: [{ tier: 'staging', deployTo: ['staging'] }],
    defaultTier: 'production',
    deployments: { branches: ['*'] },
    rework: { branches: ['hotfix/*'], message: [] },
    windows: [{ name: 'w', seconds: windowSeconds }],
  }),
  canAsk: false,
  asksForge: commits !== undefined,
});

/** Plays a story, with a forge that answers every lookup at once. */
async function play(story: Story) {
  const { rows, now, lost = [] } = story;
  const graph = graphOf(story);
  const mode = modeOf(story);
  const world = await createWorld({ mode, startsAt: secondsOf('Mon 00:00') });
  world.clock.advance(secondsOf(now) - secondsOf('Mon 00:00'));
  const answers: ForgeAnswer[] = [];
  for (const { at, number, is, of = '', tier, branch = 'main', reported } of rows) {
    const record = aRecord({
      number,
      id: number,
      status: is,
      branch,
      deployTo: tier ?? '',
      commit: of,
      startedAt: null,
      finishedAt: secondsOf(at),
      committedAt: reported === undefined ? null : secondsOf(reported),
    });
    await deliver(world.ingest, someFacts(), record);
    const lookups = () =>
      [...world.state.timelines].flatMap(([key, timeline]) =>
        lookupsOf(timeline, world.state.pairs.get(key)?.tier ?? ''),
      );
    for (const lookup of lookups()) {
      const { base, head } = lookup;
      const canTell = !lost.includes(head) && !(base !== null && lost.includes(base));
      answers.push({ repo: 1, tier: lookup.tier, number: lookup.number, base, head, canTell });
      const change = { base, head, range: canTell ? rangeOf(graph, base, head) : null };
      const answer = { ...lookup, change, commit: null, isOlder: false };
      await world.ingest.submit({ kind: 'commits', answers: [answer] });
    }
    expect(lookups()).toEqual([]);
  }
  return { state: world.state, policy: mode.policy, answers };
}

const truthOf = (story: Story, answers: readonly ForgeAnswer[]): Truth => ({
  names: new Map([[1, 'acme/shop']]),
  deployments: story.rows.map(({ at, number, is, of = '', tier = 'production', branch, reported }) => ({
    repo: 1,
    number,
    series: 'acme/shop',
    tier,
    at: secondsOf(at),
    outcome: is,
    isRework: branch === 'hotfix/1',
    commit: of,
    reportedCommitTime: reported === undefined ? null : secondsOf(reported),
  })),
  pipelines: [],
  forge: story.commits ? { graph: graphOf(story), answers } : null,
  fallback: null,
  knownSince: new Map(),
  countsBeyond: true,
});

const distributionOf = (told: Expected['leadTime']) => {
  const [samples, p50, p95] = told ?? [[], null, null];
  return { samples, p50, p95 };
};
const momentOf = (moment: Moment | undefined) => (moment === undefined ? 0 : secondsOf(moment));

/** The expected values of a story, in the oracle's form. */
function writtenOf({ expected }: Story) {
  const windowOf = ({ deployments, failed, rework = 0, leadTime, recovery }: Expected) => ({
    w: {
      deployments,
      failed,
      rework,
      leadTime: distributionOf(leadTime),
      recovery: distributionOf(recovery),
    },
  });
  const told = Object.entries(expected);
  return {
    series: Object.fromEntries(
      told.map(([tier, figures]) => [
        `acme/shop ${tier}`,
        {
          lastSuccess: momentOf(figures.lastSuccess),
          lastFailure: momentOf(figures.lastFailure),
          failingSince: momentOf(figures.failingSince),
          windows: windowOf(figures),
        },
      ]),
    ),
    tiers: Object.fromEntries(told.map(([tier, figures]) => [tier, windowOf(figures)])),
  };
}

describe('the figures of a story:', () => {
  it.each(stories)('$title', async (story) => {
    const { state, policy } = await play(story);
    const written = writtenOf(story);
    const projected = projectWindows(state, policy.windows, secondsOf(story.now));
    expect(shownOf(projected, policy.windows, written)).toEqual(written);
    const unknown = [...state.pairs.values()].map(({ tier, totals }) => [
      tier,
      totals.counters['dora_change_lead_time_unknown_total'],
    ]);
    expect(Object.fromEntries(unknown)).toEqual(
      Object.fromEntries(
        Object.entries(story.expected).map(([tier, figures]) => [tier, figures.unknown ?? 0]),
      ),
    );
  });
});

describe('the oracle on the same story:', () => {
  it.each(stories)('$title', async (story) => {
    const { policy, answers } = await play(story);
    const all = expectSeries(truthOf(story, answers));
    expect(expectShown(all, policy.windows, secondsOf(story.now))).toEqual(writtenOf(story));
    expect(Object.fromEntries(all.map(({ tier, unknown }) => [tier, unknown.length]))).toEqual(
      Object.fromEntries(
        Object.entries(story.expected).map(([tier, figures]) => [tier, figures.unknown ?? 0]),
      ),
    );
  });

  it('combines several series of a tier', () => {
    const truth = truthOf(stories[0] as Story, []);
    const [series] = expectSeries(truth);
    if (!series) throw new Error('The story has no series');
    const one = expectWindow([series], daySeconds, secondsOf('Mon 12:00'));
    const two = expectWindow([series, series], daySeconds, secondsOf('Mon 12:00'));
    expect([one.deployments, two.deployments]).toEqual([5, 10]);
    expect(two.recovery.samples).toEqual([3000, 3000]);
  });
});
