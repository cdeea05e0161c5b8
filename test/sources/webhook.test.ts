import { describe, expect, it } from 'vitest';
import type { Classification } from '../../src/core/classification.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { deliver } from '../support/deliver.ts';
import { fixture } from '../support/fixtures.ts';
import { projectWindows } from '../support/projected.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

type Json = Readonly<Record<string, unknown>>;

/** An event of a successful push to acme/shop, repo 7. */
function anEvent({ repo = {}, ...pipeline }: Json & { readonly repo?: Json } = {}): Json {
  return {
    repo: { id: 7, forge_remote_id: '41', full_name: 'acme/shop', default_branch: 'main', ...repo },
    pipeline: {
      id: 9120,
      number: 12,
      event: 'push',
      status: 'success',
      branch: 'main',
      created: noon - 100,
      updated: noon - 10,
      started: noon - 90,
      finished: noon - 10,
      ...pipeline,
    },
  };
}

/** A step's report of the same pipeline. */
function aReport(overrides: Json = {}): Json {
  return { repo: 'acme/shop', number: 12, status: 'success', finished: noon - 10, ...overrides };
}

function aBuild(overrides: Json = {}): Json {
  return { repo: { owner: 'acme', name: 'shop' }, build: { number: 12, status: 'success', ...overrides } };
}

const stored = { kind: 'accepted', result: 'stored' };
const duplicate = { kind: 'accepted', result: 'duplicate' };
const stale = { kind: 'accepted', result: 'stale' };
const following = { kind: 'accepted', result: 'following' };
const ignored = (reason: string) => ({ kind: 'accepted', result: 'ignored', reason });

/** The end of a pipeline that has one tier at most. */
function endOf({ tiers: [one], reason }: Classification): string | null {
  if (reason !== null || !one) return reason;
  return one.kind === 'deployment' ? `${one.outcome} at ${one.at}` : one.kind;
}

/** The stored pipelines: repo key, number, status and end of each. */
async function rows(exporter: SmallExporter): Promise<unknown[]> {
  return (await exporter.pipelines()).map(({ repo, record, classification }) => [
    repo,
    record.number,
    record.status,
    endOf(classification),
  ]);
}

async function namesById(exporter: SmallExporter): Promise<unknown[]> {
  return (await exporter.repos()).map(({ woodpeckerId, fullName }) => [woodpeckerId, fullName]);
}

const noFigures = {
  deployments: 0,
  failures: 0,
  lastSuccess: 0,
  lastFailure: 0,
  failingSince: 0,
};

describe('a webhook without access to Woodpecker', () => {
  it.each<[string, unknown, number, string]>([
    ['an event of 3.17', fixture('v3.17.0-event.json'), 841, 'success at 1785500390'],
    ['an event of 2.8', fixture('v2.8.3-event.json'), 212, 'success at 1736500312'],
    ['an event without a finish', anEvent({ finished: 0 }), 12, `success at ${noon - 10}`],
    ['an event of a failure', anEvent({ status: 'failure' }), 12, `failure at ${noon - 10}`],
    [
      'an event with an unknown field',
      anEvent({ event: 'deployment', later: 1 }),
      12,
      `success at ${noon - 10}`,
    ],
    ['a report', aReport(), 12, `success at ${noon - 10}`],
    ['a report of a failure', aReport({ status: 'failure' }), 12, `failure at ${noon - 10}`],
    ['a report without a finish', aReport({ finished: '' }), 12, `success at ${noon}`],
    [
      'a report with numbers as text',
      aReport({ number: '12', finished: '1785500400' }),
      12,
      'success at 1785500400',
    ],
    [
      'a report without event and branch',
      aReport({ event: '', branch: null }),
      12,
      `success at ${noon - 10}`,
    ],
  ])('stores %s', async (_, body, number, found) => {
    const exporter = await createSmallExporter();
    expect(await exporter.receive(body)).toEqual(stored);
    expect(await rows(exporter)).toEqual([[1, number, found.split(' ')[0], found]]);
    expect(exporter.events).toEqual(['webhook stored']);
    expect(exporter.shown('acme/shop')?.deployments).toBe(1);
  });

  it('is stored and shown when the answer arrives', async () => {
    const exporter = await createSmallExporter();
    await exporter.receive(anEvent({ status: 'failure', finished: noon - 20 }));
    expect(exporter.shown('acme/shop')).toEqual({
      deployments: 1,
      failures: 1,
      lastSuccess: 0,
      lastFailure: noon - 20,
      failingSince: noon - 20,
    });
  });

  const policy: Policy = aPolicy({
    tiers: [{ tier: 'production', repos: ['acme/*'] }],
    defaultTier: null,
    deployments: { events: ['push', 'deployment'], ignoreRepos: ['acme/website'] },
  });

  it.each<[string, Json]>([
    ['repo', anEvent({ repo: { full_name: 'acme/website' } })],
    ['fork', anEvent({ from_fork: true })],
    ['pull_request', anEvent({ event: 'pull_request' })],
    ['event', anEvent({ event: 'moonrise' })],
    ['branch', anEvent({ branch: 'feature/x' })],
    ['tier', anEvent({ repo: { full_name: 'other/shop' } })],
    [
      'killed',
      anEvent({
        status: 'failure',
        workflows: [{ state: 'killed', error: 'Canceled', finished: noon - 10 }],
      }),
    ],
    ['no_timestamp', anEvent({ updated: 0, finished: 0 })],
    ['event', aReport({ event: 'tag' })],
    ['killed', aReport({ status: 'killed' })],
  ])('is stored but ignored for "%s"', async (reason, body) => {
    const exporter = await createSmallExporter({ policy });
    expect(await exporter.receive(body)).toEqual(ignored(reason));
    expect((await rows(exporter)).map((row) => (row as unknown[])[3])).toEqual([reason]);
    expect(exporter.events).toEqual(['webhook ignored']);
    expect(exporter.state.timelines.size).toBe(0);
    expect(exporter.state.tally.ignored(reason as 'repo')).toBe(1);
  });

  describe('for a tier that a step names', () => {
    const tierRows = async (exporter: SmallExporter) =>
      (await exporter.pipelines()).map(({ classification: { tiers, reason } }) => [
        reason,
        ...tiers.map((one) =>
          one.kind === 'deployment' ? [one.tier, one.outcome, one.at] : [one.tier, one.kind],
        ),
      ]);

    it('counts in that tier whatever the rules say, and merges the reports of each tier', async () => {
      const exporter = await createSmallExporter({ policy });
      const told = { number: 12, event: 'push', started: noon - 60 };
      await exporter.receive(aReport({ ...told, tier: 'staging', status: 'success', finished: noon - 50 }));
      await exporter.receive(aReport({ ...told, tier: 'live', status: 'success', finished: noon - 20 }));
      await exporter.receive(aReport({ ...told, tier: 'live', status: 'failure', finished: noon - 10 }));
      expect(await tierRows(exporter)).toEqual([
        [null, ['live', 'failure', noon - 10], ['staging', 'success', noon - 50]],
      ]);
      // The tier rule for the repo adds the pair of production.
      const known = [...exporter.state.pairs.values()].map(({ tier }) => tier).sort();
      expect(known).toEqual(['live', 'production', 'staging']);
    });

    it('counts beside a report for the whole pipeline', async () => {
      const exporter = await createSmallExporter({ policy });
      const told = { number: 12, event: 'push', started: noon - 60 };
      await exporter.receive(aReport({ ...told, tier: 'staging', status: 'failure', finished: noon - 50 }));
      await exporter.receive(aReport({ ...told, status: 'success', finished: noon - 20 }));
      expect(await tierRows(exporter)).toEqual([
        [null, ['production', 'success', noon - 20], ['staging', 'failure', noon - 50]],
      ]);
    });

    it('counts only within the filters of the policy', async () => {
      const exporter = await createSmallExporter({ policy });
      const report = aReport({
        number: 12,
        event: 'cron',
        tier: 'live',
        status: 'success',
        finished: noon - 20,
      });
      expect(await exporter.receive(report)).toEqual(ignored('event'));
    });

    it('has not ended until a report says so', async () => {
      const exporter = await createSmallExporter({ policy });
      const report = aReport({ number: 12, event: 'push', tier: 'live', status: 'running' });
      expect(await exporter.receive(report)).toEqual(ignored('not_ended'));
    });

    it('matches the tag that the step reports, if the policy has a tag rule', async () => {
      const tagged = aPolicy({ tiers: [{ tier: 'production', tags: ['v*', '!*-*'] }], defaultTier: null });
      const exporter = await createSmallExporter({ policy: tagged });
      const told = { event: 'tag', status: 'success', finished: noon - 20 };
      await exporter.receive(aReport({ ...told, number: 12, tag: 'v1.0.0' }));
      await exporter.receive(aReport({ ...told, number: 13, tag: 'v1.1.0-rc.1' }));
      expect(await tierRows(exporter)).toEqual([[null, ['production', 'success', noon - 20]], ['tier']]);
    });
  });

  it.each<[string, Json]>([
    ['an event of a running pipeline', anEvent({ status: 'running', finished: 0 })],
    ['an event of a blocked pipeline', anEvent({ status: 'blocked', finished: 0 })],
    ['an event with an unknown status', anEvent({ status: 'hibernating' })],
    ['a report of a running pipeline', aReport({ status: 'running' })],
    ['a report without a status', aReport({ status: '' })],
  ])('stores %s, and shows its repo with all figures at 0', async (_, body) => {
    const exporter = await createSmallExporter();
    expect(await exporter.receive(body)).toEqual(ignored('not_ended'));
    expect(await rows(exporter)).toEqual([[1, 12, expect.any(String), 'unfinished']]);
    expect(exporter.shown('acme/shop')).toEqual(noFigures);
  });

  it.each<[string, unknown]>([
    ['from plugins/webhook', fixture('drone-webhook.json')],
    ['with a failure', aBuild({ status: 'failure' })],
  ])('ignores a build as unverifiable: %s', async (_, body) => {
    const exporter = await createSmallExporter();
    expect(await exporter.receive(body)).toEqual(ignored('unverifiable'));
    expect([await exporter.repos(), await exporter.pipelines()]).toEqual([[], []]);
    expect(exporter.events).toEqual(['webhook ignored']);
  });

  it('is a duplicate if the same body was received before', async () => {
    const exporter = await createSmallExporter();
    for (const body of [anEvent(), aReport({ number: 13 }), aReport({ number: 14, finished: '' })]) {
      expect(await exporter.receive(body)).toEqual(stored);
      exporter.clock.advance(30);
      expect(await exporter.receive(body)).toEqual(duplicate);
    }
    expect(exporter.events).toEqual(Array(3).fill(['webhook stored', 'webhook duplicate']).flat());
    // A report without a finish ends when it is first received: here after two advances of 30 s.
    expect(exporter.shown('acme/shop')).toMatchObject({ deployments: 3, lastSuccess: noon + 60 });
  });

  it('is stale if it is older than what is stored', async () => {
    const exporter = await createSmallExporter();
    await exporter.receive(anEvent({ updated: noon - 10 }));
    expect(await exporter.receive(anEvent({ status: 'running', updated: noon - 50, finished: 0 }))).toEqual(
      stale,
    );
    expect(await exporter.receive(anEvent({ status: 'failure', updated: noon - 11 }))).toEqual(stale);
    expect(await exporter.receive(anEvent({ id: 9119, status: 'failure', updated: noon }))).toEqual(stale);
    expect(await rows(exporter)).toEqual([[1, 12, 'success', `success at ${noon - 10}`]]);
    expect(exporter.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 0, lastFailure: 0 });
  });

  it('follows a pipeline from its start to its end', async () => {
    const exporter = await createSmallExporter();
    const steps = [
      anEvent({ status: 'created', updated: noon - 100, started: 0, finished: 0 }),
      anEvent({ status: 'pending', updated: noon - 99, started: 0, finished: 0 }),
      anEvent({ status: 'running', updated: noon - 90, finished: 0 }),
      anEvent({ status: 'success', updated: noon - 10 }),
    ];
    const answers = [];
    for (const step of steps) answers.push(await exporter.receive(step));
    expect(answers).toEqual([ignored('not_ended'), ignored('not_ended'), ignored('not_ended'), stored]);
    expect(exporter.shown('acme/shop')).toMatchObject({ deployments: 1, lastSuccess: noon - 10 });
  });

  it('is handled by itself even if others arrive at the same moment', async () => {
    const exporter = await createSmallExporter();
    const bodies = [
      anEvent(),
      anEvent(),
      anEvent({ id: 9121, number: 13 }),
      aReport({ repo: 'acme/other' }),
      {},
    ];
    const answers = await Promise.all(bodies.map((body) => exporter.receive(body)));
    expect(answers.slice(0, 4)).toEqual([stored, duplicate, stored, stored]);
    expect(answers[4]?.kind).toBe('invalid');
    expect(exporter.shown('acme/shop')?.deployments).toBe(2);
    expect(exporter.shown('acme/other')?.deployments).toBe(1);
  });

  it.each<[string, Json, string[]]>([
    ['an event that ends', anEvent({ finished: noon + 301 }), ['pipeline.finished']],
    ['an event that starts', anEvent({ started: noon + 301 }), ['pipeline.started']],
    [
      'an event that was created',
      anEvent({ created: noon + 301, updated: noon + 301 }),
      ['pipeline.created', 'pipeline.updated'],
    ],
    [
      'an event whose step ends',
      anEvent({ workflows: [{ state: 'success', children: [{ state: 'success', finished: noon + 301 }] }] }),
      ['pipeline.workflows'],
    ],
    ['a report that ends', aReport({ finished: String(noon + 301) }), ['finished']],
    ['a report that starts', aReport({ started: noon + 301 }), ['started']],
    ['a report of a commit made', aReport({ commit_time: noon + 301 }), ['commit_time']],
  ])('refuses %s more than five minutes in the future', async (_, body, paths) => {
    const exporter = await createSmallExporter();
    const message = 'Time is more than five minutes ahead of its receipt';
    expect(await exporter.receive(body)).toEqual({
      kind: 'invalid',
      errors: paths.map((path) => ({ path, message })),
    });
    expect([await exporter.repos(), await exporter.pipelines(), exporter.events]).toEqual([[], [], []]);
  });

  it('may have times up to five minutes ahead', async () => {
    const exporter = await createSmallExporter();
    expect(await exporter.receive(aReport({ finished: noon + 300 }))).toEqual(stored);
    expect(
      await exporter.receive(anEvent({ number: 13, updated: noon + 300, finished: noon + 300 })),
    ).toEqual(stored);
    expect(exporter.shown('acme/shop')?.lastSuccess).toBe(noon + 300);
  });

  it('leaves the windows right after the clock was far ahead for a while', async () => {
    const exporter = await createSmallExporter();
    const day = 86_400;
    const receive = (number: number, at: number) =>
      exporter.receive(anEvent({ number, id: number, created: at, started: at, updated: at, finished: at }));
    for (let number = 1; number <= 80; number++) await receive(number, noon - number * day);
    exporter.clock.advance(60 * day);
    await receive(81, noon);
    exporter.clock.advance(-60 * day);
    await receive(82, noon - 1);
    const [series] = projectWindows(exporter.state, defaultPolicy.windows, noon).series;
    const deployments = series?.windows?.map(({ counts }) => counts[0]);
    expect(deployments).toEqual([8, 31, 82]);
  });

  it('counts no pull request because a later report does not say that it is one', async () => {
    const exporter = await createSmallExporter();
    expect(await exporter.receive(aReport({ event: 'pull_request' }))).toEqual(ignored('pull_request'));
    expect(await exporter.receive(aReport())).toEqual(duplicate);
    expect(exporter.state.timelines.size).toBe(0);
  });

  describe('reports a repo, which', () => {
    it('is also renamed by reports whose links contain its id', async () => {
      const exporter = await createSmallExporter();
      const report = (repo: string, number: number) =>
        aReport({ repo, number, finished: noon - 100 + number, url: `https://x/repos/7/pipeline/${number}` });
      await exporter.receive(report('acme/shop', 12));
      await exporter.receive(report('acme/basket', 13));
      expect(await namesById(exporter)).toEqual([[7, 'acme/basket']]);
      expect(exporter.shown('acme/basket')?.deployments).toBe(2);
    });

    it('takes the first id seen under its name, ignoring case', async () => {
      const exporter = await createSmallExporter();
      await exporter.receive(aReport({ repo: 'Acme/Shop' }));
      expect(await namesById(exporter)).toEqual([[null, 'Acme/Shop']]);
      await exporter.receive(anEvent({ number: 13, id: 9121 }));
      expect(await namesById(exporter)).toEqual([[7, 'acme/shop']]);
      expect(exporter.shown('acme/shop')?.deployments).toBe(2);
    });

    it('takes the id in a report’s link', async () => {
      const exporter = await createSmallExporter();
      await exporter.receive(aReport());
      await exporter.receive(aReport({ number: 13, url: 'https://ci.example.com/repos/7/pipeline/13' }));
      expect(await namesById(exporter)).toEqual([[7, 'acme/shop']]);
    });

    it('is found by its name if a report has no id', async () => {
      const exporter = await createSmallExporter();
      await exporter.receive(anEvent());
      await exporter.receive(aReport({ repo: 'ACME/SHOP', number: 13 }));
      expect(await namesById(exporter)).toEqual([[7, 'acme/shop']]);
      expect(exporter.shown('acme/shop')?.deployments).toBe(2);
    });

    it('is another repo if its name comes with another id, but shares the series', async () => {
      const exporter = await createSmallExporter();
      await exporter.receive(anEvent());
      await exporter.receive(anEvent({ repo: { id: 8, forge_remote_id: '99' }, id: 9121 }));
      expect(await namesById(exporter)).toEqual([
        [7, 'acme/shop'],
        [8, 'acme/shop'],
      ]);
      expect(exporter.shown('acme/shop')?.deployments).toBe(2);
    });

    it('takes its default branch from a report too, and counts any branch before that', async () => {
      const exporter = await createSmallExporter();
      const pushed = { event: 'push', branch: 'feature/x' };
      expect(await exporter.receive(aReport({ ...pushed, number: 1 }))).toMatchObject({ result: 'stored' });
      const told = { ...pushed, default_branch: 'main' };
      expect(await exporter.receive(aReport({ ...told, number: 2 }))).toEqual(ignored('branch'));
      expect(await exporter.receive(aReport({ ...pushed, number: 3 }))).toEqual(ignored('branch'));
      expect(await exporter.receive(aReport({ ...told, branch: 'main', number: 4 }))).toMatchObject({
        result: 'stored',
      });
    });
  });
});

describe('a webhook with access to Woodpecker', () => {
  const hintMode = () => createSmallExporter({ canAsk: true });
  /** Makes repo and pipeline known, as REST would. */
  const told = async (exporter: SmallExporter, body: Json, status = 'success') => {
    const { repo, pipeline } = body as { repo: Json; pipeline: Json };
    const told = { woodpeckerId: Number(repo['id']), fullName: String(repo['full_name']), asOf: noon - 1000 };
    const facts = someFacts({ forgeRemoteId: '41', ...told });
    const number = Number(pipeline['number'] ?? 0);
    if (number === 0) await exporter.ingest.submit({ kind: 'repos', repos: [facts] });
    else {
      const times = {
        createdAt: noon - 500,
        startedAt: noon - 490,
        finishedAt: noon - 400,
        updatedAt: noon - 400,
      };
      await deliver(exporter.ingest, facts, aRecord({ number, id: 9120, status, ...times }));
    }
  };
  const follow = (target: number | string, number = 12) => ({
    target,
    number,
    createdAt: noon,
    polledAt: null,
    hintedAt: noon,
  });

  it.each<[string, unknown, unknown]>([
    ['an event of 3.17', fixture('v3.17.0-event.json'), follow(7, 841)],
    ['an event of 2.8', fixture('v2.8.3-event.json'), follow(7, 212)],
    ['an event of a failure', anEvent({ status: 'failure' }), follow(7)],
    ['an event of a running pipeline', anEvent({ status: 'running', finished: 0 }), follow(7)],
    ['an event without an id', anEvent({ repo: { id: null } }), follow('acme/shop')],
    ['a build with a link', fixture('drone-webhook.json'), follow(7, 212)],
    ['a build without a link', aBuild(), follow('acme/shop')],
    [
      'a build whose link is another pipeline’s',
      aBuild({ link: 'https://x/repos/7/pipeline/11' }),
      follow('acme/shop'),
    ],
    ['a report', aReport(), follow('acme/shop')],
    ['a report with a link', aReport({ url: 'https://x/repos/7/pipeline/12' }), follow(7)],
    ['a report without a status', aReport({ status: '' }), follow('acme/shop')],
    ['a report from a clock that is far ahead', aReport({ finished: noon + 9999 }), follow('acme/shop')],
    ['a pull request', anEvent({ event: 'pull_request' }), follow(7)],
  ])('polls the pipeline of %s, and stores nothing else of the body', async (_, body, expected) => {
    const exporter = await hintMode();
    expect(await exporter.receive(body)).toEqual(following);
    expect(await exporter.follows()).toEqual([expected]);
    expect([await exporter.repos(), await exporter.pipelines()]).toEqual([[], []]);
    expect(exporter.events).toEqual(['webhook following']);
  });

  it('does not poll a pipeline whose end is known', async () => {
    const exporter = await hintMode();
    await told(exporter, anEvent());
    for (const body of [
      anEvent({ status: 'failure', updated: noon }),
      aReport({ repo: 'ACME/shop', status: 'failure' }),
      aBuild(),
    ]) {
      expect(await exporter.receive(body)).toEqual(duplicate);
    }
    expect(await exporter.follows()).toEqual([]);
    expect(await rows(exporter)).toEqual([[1, 12, 'success', `success at ${noon - 400}`]]);
  });

  it('requests another poll of a pipeline that is already polled', async () => {
    const exporter = await hintMode();
    await told(exporter, anEvent(), 'running');
    expect(await exporter.follows()).toEqual([
      { target: 7, number: 12, createdAt: noon - 500, polledAt: noon, hintedAt: null },
    ]);
    exporter.clock.advance(60);
    expect(await exporter.receive(aReport())).toEqual(following);
    expect(await exporter.follows()).toEqual([
      { target: 7, number: 12, createdAt: noon - 500, polledAt: noon, hintedAt: noon + 60 },
    ]);
  });

  it('adds one poll for two equal hints', async () => {
    const exporter = await hintMode();
    await Promise.all([exporter.receive(aReport()), exporter.receive(aReport({ repo: 'Acme/Shop' }))]);
    expect((await exporter.follows()).length).toBe(1);
  });

  it('polls a known repo by its id, whatever the case of its name', async () => {
    const exporter = await hintMode();
    await told(exporter, anEvent());
    await exporter.receive(aReport({ number: 13 }));
    await exporter.receive(aReport({ number: 14, repo: 'ACME/Shop' }));
    expect((await exporter.follows()).map(({ target, number }) => [target, number])).toEqual([
      [7, 13],
      [7, 14],
    ]);
  });

  it('does not trust an id that contradicts a known name', async () => {
    const exporter = await hintMode();
    await told(exporter, anEvent());
    await told(exporter, anEvent({ repo: { id: 9, full_name: 'acme/other' } }));
    const body = anEvent({ number: 13, repo: { id: 9, full_name: 'acme/shop' } });
    expect(await exporter.receive(body)).toEqual(following);
    const unknownId = anEvent({ number: 14, repo: { id: 99, full_name: 'acme/shop' } });
    expect(await exporter.receive(unknownId)).toEqual(following);
    expect((await exporter.follows()).map(({ target, number }) => [target, number])).toEqual([
      [7, 13],
      [7, 14],
    ]);
  });

  it('trusts a known id under a new name, since the repo may be renamed', async () => {
    const exporter = await hintMode();
    await told(exporter, anEvent());
    expect(await exporter.receive(anEvent({ number: 13, repo: { full_name: 'acme/store' } }))).toEqual(
      following,
    );
    expect((await exporter.follows()).map(({ target }) => target)).toEqual([7]);
    expect(await namesById(exporter)).toEqual([[7, 'acme/shop']]);
  });

  it('ignores a repo that the policy does not watch', async () => {
    const policy = aPolicy({ deployments: { ignoreRepos: ['acme/web*'] } });
    const exporter = await createSmallExporter({ canAsk: true, policy });
    for (const repo of ['acme/website', 'ACME/WEB']) {
      expect(await exporter.receive(aReport({ repo }))).toEqual(ignored('repo'));
    }
    expect([await exporter.follows(), await exporter.repos()]).toEqual([[], []]);
    expect(exporter.events).toEqual(['webhook ignored', 'webhook ignored']);
  });
});

describe.each([
  ['without access to Woodpecker', false],
  ['with access to Woodpecker', true],
])('an invalid body %s', (_, canAsk) => {
  const shapes =
    'Expected an event {"repo": {…}, "pipeline": {…}}, a build {"repo": {…}, "build": {…}} or a report {"repo": "owner/name", "number": …}';

  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['text', 'acme/shop'],
    ['a list', [anEvent()]],
    ['an empty object', {}],
    ['a repo alone', { repo: { full_name: 'acme/shop' } }],
    ['a pipeline that is a list', { repo: {}, pipeline: [] }],
  ])('is answered with the accepted shapes: %s', async (_name, body) => {
    const exporter = await createSmallExporter({ canAsk });
    expect(await exporter.receive(body)).toEqual({
      kind: 'invalid',
      errors: [{ path: '', message: shapes }],
    });
  });

  const mistakes = (path: string, message: string) => [{ path, message }];
  it.each<[string, Json, unknown[]]>([
    ['an event without a number', anEvent({ number: undefined }), mistakes('pipeline.number', 'Missing')],
    [
      'an event with null for it',
      anEvent({ number: null }),
      mistakes('pipeline.number', 'Expected a number, given null'),
    ],
    [
      'an event with text for it',
      anEvent({ number: '12' }),
      mistakes('pipeline.number', 'Expected a number, given text'),
    ],
    [
      'a fractional number',
      anEvent({ number: 3.5 }),
      mistakes('pipeline.number', 'Expected a whole number, given 3.5'),
    ],
    ['an event without a repo', { pipeline: { number: 1 } }, mistakes('repo', 'Missing')],
    [
      'a repo without a name',
      anEvent({ repo: { full_name: null } }),
      mistakes('repo.full_name', 'Expected owner/name'),
    ],
    [
      'a repo with half a name',
      anEvent({ repo: { full_name: 'shop' } }),
      mistakes('repo.full_name', 'Expected owner/name'),
    ],
    [
      'text for a time',
      anEvent({ finished: 'noon' }),
      mistakes('pipeline.finished', 'Expected a number, given text'),
    ],
    [
      'a broken step',
      anEvent({ workflows: [{ state: 'success', children: [{ state: 1 }] }] }),
      mistakes('pipeline.workflows.0.children.0.state', 'Expected text, given 1'),
    ],
    [
      'an event with an empty pipeline',
      { pipeline: {} },
      [...mistakes('repo', 'Missing'), ...mistakes('pipeline.number', 'Missing')],
    ],
    ['a build without a number', aBuild({ number: undefined }), mistakes('build.number', 'Missing')],
    [
      'a build of a nameless repo',
      { repo: { owner: 'acme' }, build: { number: 1 } },
      mistakes('repo.name', 'Missing'),
    ],
    [
      'a build with empty names',
      { repo: { owner: '', name: '' }, build: { number: 1 } },
      mistakes('repo', 'Expected owner/name'),
    ],
    ['a report without a number', aReport({ number: undefined }), mistakes('number', 'Missing')],
    [
      'a report with a word for it',
      aReport({ number: 'secret' }),
      mistakes('number', 'Expected a whole number'),
    ],
    ['a report of half a repo', aReport({ repo: 'shop' }), mistakes('repo', 'Expected owner/name')],
    [
      'a report with words as times',
      aReport({ started: 'a', finished: 'b' }),
      [...mistakes('started', 'Expected Unix seconds'), ...mistakes('finished', 'Expected Unix seconds')],
    ],
  ])('is answered with each mistake in plain words, and with its path: %s', async (_name, body, errors) => {
    const exporter = await createSmallExporter({ canAsk });
    expect(await exporter.receive(body)).toEqual({ kind: 'invalid', errors });
    expect([await exporter.repos(), await exporter.follows(), exporter.events]).toEqual([[], [], []]);
  });
});
