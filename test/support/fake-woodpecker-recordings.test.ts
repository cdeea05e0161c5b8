/**
 * Compares the fake Woodpecker with answers of running servers, field by field. Ids, hashes and times differ from run to
 * run: for these, it only compares whether they are set.
 */

import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FakeWoodpecker, PipelineInput, StepInput } from './fake-woodpecker.ts';
import { startFakeWoodpecker } from './fake-woodpecker.ts';

type Json = Record<string, unknown>;

async function recorded(version: string, name: string): Promise<unknown> {
  const path = `../fixtures/woodpecker/recorded/v${version}-${name}.json`;
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
}

const ids = /^(id|pipeline_id|agent_id|number|parent|org_id|repo_id|forge_remote_id)$/;
const times = /^(created|updated|started|finished|reviewed|timestamp)(_at)?$|^(start|end)_time$/;

/** Removes the fields that depend on time and order. */
function comparable(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => comparable(item));
    // The linter warns once for each step.
    return key === 'errors'
      ? [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
      : items;
  }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([name, field]) => [name, comparable(field, name)]);
    return Object.fromEntries(entries.sort());
  }
  if (ids.test(key)) return value ? `<${typeof value}>` : value;
  if (times.test(key)) return value ? '<time>' : value;
  if (key === 'uuid') return '<uuid>';
  if (key === 'field' || key === 'file') return `<${key}>`;
  if (typeof value !== 'string') return value;
  return value
    .replaceAll(/\b[0-9a-f]{40}\b/g, '<sha>')
    .replaceAll(/uuid=\w+/g, 'uuid=<uuid>')
    .replaceAll(/workflow \d+/g, 'workflow <id>')
    .replaceAll(/v1\.\d+\.\d+/g, '<tag>')
    .replaceAll(/nightly\d*/g, '<cron>')
    .replaceAll(/acme\/(gate|many|web|hooked)/g, 'acme/shop')
    .replaceAll(/pulls?\/\d+/g, (path) => path.replace(/\d+/, '<n>'));
}

interface World {
  readonly woodpecker: FakeWoodpecker;
  /** A second later. */
  readonly tick: () => void;
}

async function startWorld(version: string): Promise<World> {
  let seconds = 1_795_871_000;
  const woodpecker = await startFakeWoodpecker({ version, now: () => seconds });
  onTestFinished(woodpecker.close);
  woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
  woodpecker.changeRepo('acme/shop', { forge_remote_id: '101' });
  const tick = () => {
    seconds += 1;
  };
  return { woodpecker, tick };
}

async function get({ woodpecker }: World, path: string, token = woodpecker.userToken): Promise<unknown> {
  const answer = await fetch(`${woodpecker.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return answer.json();
}

const shop = 'acme/shop';
const push = { message: 'change', changedFiles: ['a.txt'] };
const one = { ...push, workflows: [{ name: 'woodpecker', steps: ['build'] }] };
const two = { ...push, workflows: [{ name: 'woodpecker', steps: ['build', 'after'] }] };
const both = {
  ...push,
  workflows: [
    { name: 'build', steps: ['build'] },
    { name: 'deploy', steps: ['deploy'] },
  ],
};

type Play = (world: World) => number;

function begin({ woodpecker, tick }: World, input: Parameters<FakeWoodpecker['createPipeline']>[1]): number {
  const { number } = woodpecker.createPipeline(shop, input);
  tick();
  woodpecker.startPipeline(shop, number);
  tick();
  return number;
}

const run =
  (
    input: Parameters<FakeWoodpecker['createPipeline']>[1],
    finish: Parameters<FakeWoodpecker['finishPipeline']>[2] = {},
  ): Play =>
  (world) => {
    const number = begin(world, input);
    world.woodpecker.finishPipeline(shop, number, finish);
    return number;
  };

const cancelRunning =
  (input: Parameters<FakeWoodpecker['createPipeline']>[1], settled: { reportsSteps?: boolean } = {}): Play =>
  (world) => {
    const { woodpecker, tick } = world;
    const number = begin(world, input);
    woodpecker.cancelPipeline(shop, number, { by: { user: 'admin' } });
    tick();
    woodpecker.settleCanceled(shop, number, settled);
    return number;
  };

const review =
  (act: 'approvePipeline' | 'declinePipeline' | 'cancelPipeline' | null): Play =>
  ({ woodpecker, tick }) => {
    const { number } = woodpecker.createPipeline(shop, { ...one, stopAt: 'blocked' });
    tick();
    if (act === 'cancelPipeline') woodpecker.cancelPipeline(shop, number, { by: { user: 'admin' } });
    else if (act) woodpecker[act](shop, number, { by: 'admin' });
    return number;
  };

const cancelPending: Play = ({ woodpecker, tick }) => {
  const { number } = woodpecker.createPipeline(shop, one);
  tick();
  return woodpecker.cancelPipeline(shop, number, { by: { user: 'admin' } }).number;
};

const broken =
  (message: string): Play =>
  ({ woodpecker }) => {
    const { number } = woodpecker.createPipeline(shop, { ...one, stopAt: 'created' });
    return woodpecker.errorPipeline(shop, number, message).number;
  };

const supersede =
  (reportsSteps: boolean): Play =>
  (world) => {
    const { woodpecker, tick } = world;
    const number = begin(world, one);
    woodpecker.cancelPipeline(shop, number, { by: { supersededBy: 23 } });
    tick();
    return woodpecker.settleCanceled(shop, number, { reportsSteps }).number;
  };

const restart =
  (
    finish: 'failure' | 'success' | null,
    input: Parameters<FakeWoodpecker['restartPipeline']>[2] = {},
  ): Play =>
  (world) => {
    const { woodpecker, tick } = world;
    const old = run(one)(world);
    const { number } = woodpecker.restartPipeline(shop, old, { workflows: one.workflows, ...input });
    tick();
    if (finish) woodpecker.startPipeline(shop, number);
    if (finish) woodpecker.finishPipeline(shop, number, { status: finish });
    return number;
  };

const event = (name: NonNullable<PipelineInput['event']>, more: PipelineInput = {}): Play =>
  run({ event: name, changedFiles: [], ...more, workflows: one.workflows });

const failed = { status: 'failure' } as const;
const pullRequest = { changedFiles: ['a.txt'] };
const yaml2 = "yaml: line 2: did not find expected '-' indicator";
const yaml3 =
  "go-yaml load error in parser (while parsing a block collection) at L3.C3-L5.C3: did not find expected '-' indicator";

/** The fields that only an agent decides, for the table. */
const ended =
  (steps: readonly StepInput[], status: 'success' | 'failure'): Play =>
  ({ woodpecker }) =>
    woodpecker.addPipeline(shop, { ...push, status, workflows: [{ name: 'woodpecker', steps }] }).number;

const exitCode3 = ended([{ name: 'build', state: 'failure', exitCode: 3 }], 'failure');
const failureIgnored = ended(
  [
    { name: 'build', state: 'failure', exitCode: 1 },
    { name: 'after', state: 'success' },
  ],
  'success',
);

const common = {
  success: run(one),
  failure: exitCode3,
  'failure-ignore': failureIgnored,
  'multi-success': run(both),
  'failure-skipped-last': run(both, failed),
  'canceled-pending': cancelPending,
  blocked: review(null),
  approved: review('approvePipeline'),
  declined: review('declinePipeline'),
  'killed-while-blocked': review('cancelPipeline'),
  'push-other-branch': run({ ...one, branch: 'hotfix/a', message: 'hotfix: x' }),
  tag: event('tag'),
  release: event('release'),
  cron: event('cron'),
  manual: event('manual', { author: 'admin' }),
  pull_request: event('pull_request', pullRequest),
  pull_request_closed: event('pull_request_closed', pullRequest),
  'fork-pull_request': event('pull_request', { ...pullRequest, fromFork: true }),
} satisfies Record<string, Play>;

const killedByStep: Play = ({ woodpecker, tick }) => {
  const workflows = [
    { name: 'a', steps: ['build', 'x'] },
    { name: 'b', steps: ['other'] },
  ];
  const { number } = woodpecker.createPipeline(shop, { ...push, workflows });
  woodpecker.initWorkflow(shop, number, 'a');
  woodpecker.initWorkflow(shop, number, 'b');
  woodpecker.startStep(shop, number, 'x');
  tick();
  woodpecker.cancelPipeline(shop, number, { by: { step: 'build' } });
  return woodpecker.settleCanceled(shop, number).number;
};

const plays: Readonly<Record<string, Readonly<Record<string, Play>>>> = {
  '2.8.3': {
    ...common,
    pending: ({ woodpecker }) => woodpecker.createPipeline(shop, one).number,
    'canceled-running': cancelRunning(two),
    'killed-at-once': cancelRunning(two),
    superseded: supersede(false),
    'error-parse': broken(yaml2),
    deployment: restart(null, { event: 'deployment', deployTo: 'production' }),
  },
  '3.13.0': {
    failure: exitCode3,
    'canceled-pending': cancelPending,
    'canceled-running': cancelRunning(one),
    'failure-skipped-last': run(both, failed),
  },
  '3.17.0': {
    ...common,
    'killed-by-user': cancelRunning(two),
    'killed-by-timeout': run(two, { status: 'killed' }),
    'killed-by-step': killedByStep,
    superseded: supersede(true),
    'error-parse': broken(yaml3),
    'restart-error': restart(null, { error: yaml3 }),
    deployment: restart('success', { event: 'deployment', deployTo: 'production', deployTask: 'migrate' }),
    'deployment-canceled-pending': (world) => {
      const number = restart(null, { event: 'deployment', deployTo: 'production' })(world);
      return world.woodpecker.cancelPipeline(shop, number, { by: { user: 'admin' } }).number;
    },
  },
};

describe.for(Object.keys(plays))('the pipelines of Woodpecker %s', (version) => {
  it.for(Object.keys(plays[version] ?? {}))('equal the recording: %s', async (name) => {
    const world = await startWorld(version);
    const number = plays[version]?.[name]?.(world);
    const id = world.woodpecker.repo(shop).id;
    const answer = await get(world, `/api/repos/${id}/pipelines/${number}`);
    expect(comparable(answer)).toEqual(comparable(await recorded(version, `pipeline-${name}`)));
  });
});

describe('the database', () => {
  it.for([
    ['2.8.3', 'canceled-running', { status: 'failure', workflowError: 'Canceled' }],
    ['3.13.0', 'canceled-running', { status: 'failure', workflowError: 'Canceled' }],
    ['3.17.0', 'killed-by-user', { status: 'killed', cancelInfo: { canceled_by_user: 'admin' } }],
    ['3.17.0', 'killed-by-timeout', { status: 'killed' }],
    ['3.17.0', 'killed-while-blocked', { status: 'killed', started: 0 }],
    ['3.17.0', 'canceled-pending', { status: 'canceled' }],
    ['2.8.3', 'canceled-pending', { status: 'killed', started: 0 }],
    ['2.8.3', 'failure-skipped-last', { status: 'failure', finished: 0 }],
    ['3.17.0', 'failure-skipped-last', { status: 'failure', finished: 0 }],
  ] as const)('of %s contains the same ends without a simulated run: %s', async ([version, name, input]) => {
    const world = await startWorld(version);
    const { number } = world.woodpecker.addPipeline(shop, input);
    const mainStep = (pipeline: unknown) => {
      const { workflows } = pipeline as { workflows: (Json & { children: Json[] })[] };
      return workflows.map(({ state, error, children }) => {
        const step = children.find((child) => child['type'] !== 'clone');
        return comparable([state, error, step?.['state'], step?.['error'], step?.['exit_code']]);
      });
    };
    const id = world.woodpecker.repo(shop).id;
    const answer = await get(world, `/api/repos/${id}/pipelines/${number}`);
    expect(mainStep(answer)).toEqual(mainStep(await recorded(version, `pipeline-${name}`)));
  });
});

const messages = (events: unknown): unknown =>
  (events as { pipeline: unknown }[]).map(({ pipeline }) => comparable(pipeline));

async function streamOf(version: string, play: Play): Promise<unknown> {
  const world = await startWorld(version);
  const connection = new AbortController();
  const answer = await fetch(`${world.woodpecker.url}/api/stream/events`, { signal: connection.signal });
  onTestFinished(() => connection.abort());
  let text = '';
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  play(world);
  world.woodpecker.streams.writeRaw(': end\n\n');
  while (!text.endsWith(': end\n\n')) text += (await reader?.read())?.value ?? '';
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
}

describe('the event stream', () => {
  it.for([
    ['2.8.3', 'success', run(one)],
    ['2.8.3', 'failure-skipped-last', run(both, failed)],
    ['2.8.3', 'declined', review('declinePipeline')],
    ['2.8.3', 'error-parse', broken(yaml2)],
    ['2.8.3', 'cron', common.cron],
    ['2.8.3', 'release', common.release],
    ['3.13.0', 'canceled-running', cancelRunning(one)],
    ['3.17.0', 'success', run(one)],
    ['3.17.0', 'failure-skipped-last', run(both, failed)],
    ['3.17.0', 'declined', review('declinePipeline')],
    ['3.17.0', 'error-parse', broken(yaml3)],
    ['3.17.0', 'cron', common.cron],
    ['3.17.0', 'release', common.release],
    ['3.17.0', 'killed-by-user', cancelRunning(two)],
  ] as const)('of %s sends the recorded messages: %s', async ([version, name, play]) => {
    expect(messages(await streamOf(version, play))).toEqual(
      messages(await recorded(version, `stream-${name}`)),
    );
  });

  it.for(['2.8.3', '3.17.0'])('of %s sends a repo with the recorded fields', async (version) => {
    const [first] = (await streamOf(version, run(one))) as Json[];
    const [was] = (await recorded(version, 'stream-success')) as Json[];
    expect(Object.keys(first?.['repo'] as Json).sort()).toEqual(Object.keys(was?.['repo'] as Json).sort());
  });
});

describe.for(['2.8.3', '3.17.0'])('the answers of Woodpecker %s', (version) => {
  /** Settings of the recorded repo and the running number of its organisation. */
  const fieldsOfRepo = { require_approval: 'none', allow_deploy: true };

  it('to /api/repos/{id} equal the recording', async () => {
    const world = await startWorld(version);
    const answer = (await get(world, `/api/repos/${world.woodpecker.repo(shop).id}`)) as Json;
    expect(comparable({ ...answer, ...fieldsOfRepo })).toEqual(comparable(await recorded(version, 'repo')));
  });

  it('to /api/user equal the recording', async () => {
    const world = await startWorld(version);
    const admin = world.woodpecker.addUser({ login: 'admin', admin: true });
    expect(comparable(await get(world, '/api/user', admin.token))).toEqual(
      comparable(await recorded(version, 'user-admin')),
    );
    expect(comparable(await get(world, '/api/user'))).toEqual(
      comparable(await recorded(version, 'user-plain')),
    );
  });

  it('to /version equal the recording', async () => {
    expect(await get(await startWorld(version), '/version')).toEqual(await recorded(version, 'version'));
  });

  it('to lists have rows with the recorded fields', async () => {
    const world = await startWorld(version);
    run(one)(world);
    const { id } = world.woodpecker.repo(shop);
    const fieldsOf = (rows: unknown) => Object.keys((rows as Json[])[0] ?? {}).sort();
    for (const [path, name] of [
      ['/api/user/repos', 'user-repos'],
      [`/api/repos/${id}/pipelines`, 'pipelines-list'],
    ] as const) {
      const rows = (await recorded(version, name)) as Json[];
      const push = rows.filter((row) => row['event'] === undefined || row['event'] === 'push');
      expect([name, fieldsOf(await get(world, path))]).toEqual([name, fieldsOf(push)]);
    }
    const admin = world.woodpecker.addUser({ login: 'admin', admin: true });
    const all = await get(world, '/api/repos?active=true', admin.token);
    expect(fieldsOf(all)).toEqual(fieldsOf(await recorded(version, 'repos-admin')));
  });

  it('to /api/user/feed equal the recording', async () => {
    const world = await startWorld(version);
    run(one, failed)(world);
    const [row] = (await get(world, '/api/user/feed')) as Json[];
    const [was] = (await recorded(version, 'user-feed')) as Json[];
    expect(comparable(row)).toEqual(comparable(was));
  });

  it('have the recorded statuses, headers and bodies', async () => {
    const world = await startWorld(version);
    const { woodpecker } = world;
    const secret = woodpecker.addRepo({ fullName: 'acme/secret', private: true });
    const { id } = woodpecker.repo(shop);
    const ask = async (path: string, token: string | null) => {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` };
      const answer = await fetch(`${woodpecker.url}${path}`, { headers });
      const body = await answer.text();
      const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
      expect(answer.headers.get('date')).toMatch(/ GMT$/);
      return { status: answer.status, headers: answer.headers, body: isJson ? '(json)' : body };
    };
    const { userToken: alice, badToken } = woodpecker;
    const answers = {
      'GET /version': await ask('/version', null),
      'GET /healthz': await ask('/healthz', null),
      'GET /api/user bad token': await ask('/api/user', badToken),
      'GET /api/user': await ask('/api/user', alice),
      'GET /api/repos?active=true plain user': await ask('/api/repos?active=true', alice),
      'GET /api/repos?active=true guest': await ask('/api/repos?active=true', null),
      'GET missing repo, user': await ask('/api/repos/999', alice),
      'GET missing repo, guest': await ask('/api/repos/999', null),
      'GET private repo of another, user': await ask(`/api/repos/${secret.id}`, alice),
      'GET repo with id abc': await ask('/api/repos/abc', alice),
      'GET missing pipeline': await ask(`/api/repos/${id}/pipelines/999`, alice),
      'GET pipelines?before=x': await ask(`/api/repos/${id}/pipelines?before=x`, alice),
      'GET pipelines?status=nope': await ask(`/api/repos/${id}/pipelines?status=nope`, alice),
      'GET pipelines of a public repo, bad token': await ask(`/api/repos/${id}/pipelines`, badToken),
      'GET unknown path below /api': await ask('/api/unknown', alice),
      'GET /api/user/feed with nothing': await ask('/api/user/feed', alice),
      'GET /stream/events': await ask('/stream/events', alice),
    };
    const was = (await recorded(version, 'answers-status-and-headers')) as Record<
      string,
      { status: number; headers: Record<string, string>; body: string }
    >;
    expect(Object.keys(answers)).toEqual(Object.keys(was));
    for (const [name, { status, headers, body }] of Object.entries(answers)) {
      const ofConnection = ['Connection', 'Content-Length', 'Transfer-Encoding'];
      const names = Object.keys(was[name]?.headers ?? {}).filter((header) => !ofConnection.includes(header));
      const told = Object.fromEntries(names.map((header) => [header, headers.get(header)]));
      const expected = Object.fromEntries(names.map((header) => [header, was[name]?.headers[header]]));
      expect([name, status, told, body]).toEqual([name, was[name]?.status, expected, was[name]?.body]);
    }
  });
});
