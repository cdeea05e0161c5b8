import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { toRecord } from '../../src/woodpecker/normalise.ts';
import {
  RepoName,
  repoIdInLink,
  StepReport,
  WireBuild,
  WirePipeline,
  WireRepo,
} from '../../src/woodpecker/wire.ts';
import { fixture } from '../support/fixtures.ts';

const pathsOf = (result: { error?: { issues: readonly { path: readonly PropertyKey[] }[] } | undefined }) =>
  (result.error?.issues ?? []).map(({ path }) => path.join('.'));

describe('WirePipeline', () => {
  const minimal = { number: 12, status: 'success' };

  it('reads an absent field and null as not set', () => {
    const unset = {
      id: null,
      branch: null,
      deploy_to: null,
      from_fork: null,
      finished: null,
      workflows: null,
    };
    for (const pipeline of [minimal, { ...minimal, ...unset }]) {
      expect(WirePipeline.parse(pipeline)).toMatchObject({
        number: 12,
        status: 'success',
        event: '',
        branch: '',
        deploy_to: '',
        commit: '',
        message: '',
        from_fork: false,
        created: 0,
        finished: 0,
        version: '',
      });
    }
  });

  it('reads a time before 1970 as not set', () => {
    expect(WirePipeline.parse({ ...minimal, finished: -62_135_596_800 }).finished).toBe(0);
  });

  it('drops unused fields', () => {
    const pipeline = WirePipeline.parse({ ...minimal, author_email: 'alice@example.com', later: { x: 1 } });
    expect(Object.keys(pipeline)).not.toContain('author_email');
    expect(Object.keys(pipeline)).not.toContain('later');
  });

  it('cuts very long texts, and replaces half a surrogate pair', () => {
    const { branch, message } = WirePipeline.parse({
      ...minimal,
      branch: 'b'.repeat(5000),
      message: 'half \ud83d',
    });
    expect(branch).toBe('b'.repeat(1024));
    expect(message).toBe('half \ufffd');
    // The cut goes through a character of two units.
    expect(WirePipeline.parse({ ...minimal, branch: `${'b'.repeat(1023)}😀` }).branch.at(-1)).toBe('\ufffd');
  });

  it('keeps none of the text that it has cut off in memory', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const heapMb = () => {
      collect();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    const before = heapMb();
    const kept = Array.from({ length: 50 }, (_, index) => {
      const body = JSON.parse(
        `{"number": 12, "status": "success", "commit": "${String(index).repeat(500_000)}"}`,
      );
      const record = toRecord(
        WirePipeline.parse({ ...body, message: body.commit, event: 'push' }),
        'rest',
        0,
      );
      const { commit } = StepReport.parse({ ...body, repo: 'acme/shop' });
      return [record, commit];
    });
    expect(heapMb() - before).toBeLessThan(5);
    expect(kept).toHaveLength(50);
  });

  it.each([
    ['number', undefined],
    ['number', 0],
    ['number', -1],
    ['number', 1.5],
    ['number', '12'],
    ['number', 2 ** 53],
    ['id', 0],
    ['status', 7],
    ['finished', 1.5],
    ['finished', '1785500390'],
    ['finished', 1e300],
    ['from_fork', 'yes'],
    ['workflows', {}],
    ['cancel_info', 'superseded'],
  ])('refuses %s %j', (field, value) => {
    expect(pathsOf(WirePipeline.safeParse({ ...minimal, [field]: value }))).toEqual([field]);
  });
});

describe('workflows on the wire', () => {
  const read = (workflows: unknown) =>
    WirePipeline.parse({ number: 12, status: 'success', workflows }).workflows;
  const someSteps = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `step ${index}`, state: 'success' }));

  it('are read up to two thousand steps in all, in their order', () => {
    const workflows = Array.from({ length: 499 }, (_, index) => ({
      ...{ name: `deploy ${index}`, state: 'success' },
      children: someSteps(499),
    }));
    const found = read(workflows) ?? [];
    expect(found).toHaveLength(499);
    expect(found.map(({ children }) => children.length).slice(0, 6)).toEqual([499, 499, 499, 499, 4, 0]);
    expect(found.at(-1)).toMatchObject({ name: 'deploy 498', children: [] });
  });

  it('are read up to five hundred', () => {
    expect(read(someSteps(501))).toHaveLength(500);
  });

  it.each([
    ['Canceled', 'Canceled'],
    ['uuid=01M8H52: exit code 1\nCanceled', 'Canceled'],
    ['uuid=01M8H52: exit code 1\nCanceled\n', 'Canceled'],
    [`${'long '.repeat(1000)}\nCanceled`, 'Canceled'],
    ['Canceled\nuuid=01M8H52: exit code 1', 'uuid=01M8H52: exit code 1'],
    ['x'.repeat(300), 'x'.repeat(256)],
    [null, ''],
  ])('keep the last line of an error, 256 characters at most, case %#', (error, kept) => {
    expect(read([{ state: 'failure', error }])?.[0]?.error).toBe(kept);
  });

  it.each([
    [{ name: 7 }, 'workflows.0.name'],
    [{ children: {} }, 'workflows.0.children'],
    [{ children: [{}, { exit_code: 'one' }] }, 'workflows.0.children.1.exit_code'],
    [null, 'workflows.0'],
  ])('are refused with the path of the mistake: %j', (workflow, path) => {
    const workflows = [workflow];
    expect(pathsOf(WirePipeline.safeParse({ number: 12, status: 'success', workflows }))).toEqual([path]);
  });
});

describe('WireRepo', () => {
  it('reads the full name, or joins owner and name', () => {
    expect(WireRepo.parse({ full_name: 'acme/shop' }).full_name).toBe('acme/shop');
    expect(WireRepo.parse({ owner: 'acme/tools', name: 'shop' }).full_name).toBe('acme/tools/shop');
    expect(WireRepo.parse({ full_name: null, owner: 'acme', name: 'shop' }).full_name).toBe('acme/shop');
  });

  it('reads the repos of a user', () => {
    expect(WireRepo.array().parse(fixture('v3.17.0-user-repos.json'))).toMatchObject([
      {
        id: 7,
        forge_remote_id: '41',
        full_name: 'acme/shop',
        owner: 'acme',
        name: 'shop',
        default_branch: 'main',
        active: true,
      },
    ]);
  });

  it('refuses a repo without a name, and names the field', () => {
    expect(pathsOf(WireRepo.safeParse({ id: 7 }))).toEqual(['full_name']);
    expect(pathsOf(WireRepo.safeParse({ id: 7, owner: 'acme' }))).toEqual(['full_name']);
    expect(pathsOf(WireRepo.safeParse({ full_name: 'shop' }))).toEqual(['full_name']);
  });
});

describe('RepoName', () => {
  it.each(['acme/shop', 'group/sub/shop', 'Acme/Shop.git-2', 'ünï/cödé', '~user/r_1'])(
    'accepts "%s"',
    (name) => {
      expect(RepoName.parse(name)).toBe(name);
    },
  );

  it.each([
    '',
    'shop',
    '/shop',
    'acme/',
    'acme//shop',
    'acme/my shop',
    'acme/shop\n',
    `acme/${'s'.repeat(600)}`,
  ])('refuses %j', (name) => {
    expect(RepoName.safeParse(name).success).toBe(false);
  });

  it('refuses a name that would change the path of a URL', () => {
    const names = ['acme/..', '../shop', 'x/../../7', 'acme/.'];
    expect(names.filter((name) => RepoName.safeParse(name).success)).toEqual([]);
  });
});

describe('WireBuild', () => {
  it('accepts an owner that is a group within a group', () => {
    const build = WireBuild.parse({ repo: { owner: 'acme/tools', name: 'shop' }, build: { number: 1 } });
    expect(build).toEqual({ repo: 'acme/tools/shop', build: { number: 1, link: '' } });
  });
});

describe('StepReport', () => {
  it('reads numbers written as text, and empty text as not set', () => {
    const texts = { event: '', branch: '', deploy_to: '', commit: '', url: '' };
    const times = { started: '1785500103', finished: '', commit_time: '0' };
    expect(
      StepReport.parse({ repo: 'acme/shop', number: '12', status: 'failure', ...texts, ...times }),
    ).toEqual({
      ...{
        repo: 'acme/shop',
        number: 12,
        status: 'failure',
        event: null,
        branch: null,
        commit: null,
        url: null,
      },
      ...{ default_branch: null, deploy_to: null, tier: null, tag: null },
      ...{ started: 1_785_500_103, finished: 0, commit_time: 0 },
    });
  });

  it.each([
    ['repo', 'shop'],
    ['repo', 7],
    ['number', undefined],
    ['number', ''],
    ['number', '0'],
    ['number', '1.5'],
    ['number', '0x10'],
    ['number', ' 12'],
    ['number', '9'.repeat(16)],
    ['finished', 'yesterday'],
    ['finished', -1],
    ['finished', '1e9'],
    ['started', 1.5],
    ['status', 1],
  ])('refuses %s %j', (field, value) => {
    const report = { repo: 'acme/shop', number: 12, [field]: value };
    expect(pathsOf(StepReport.safeParse(report))).toEqual([field]);
  });
});

describe('repoIdInLink', () => {
  it.each([
    ['https://ci.example.com/repos/7/pipeline/212', 7],
    ['https://ci.example.com/repos/7/pipeline/212/3', 7],
    ['https://ci.example.com/repos/7/pipeline/212?tab=log', 7],
    ['https://ci.example.com/repos/7/pipeline/212#L3', 7],
    ['https://example.com/ci/repos/123/pipeline/212', 123],
    ['/repos/7/pipeline/212', 7],
  ])('finds the id in %s', (link, id) => {
    expect(repoIdInLink(link, 212)).toBe(id);
  });

  it.each([
    '',
    'https://ci.example.com/repos/7/pipeline/213',
    'https://ci.example.com/repos/7/pipeline/2120',
    'https://ci.example.com/repos/7/pipeline/',
    'https://ci.example.com/repos/acme/pipeline/212',
    'https://ci.example.com/repos/7/pipelines/212',
    'https://git.example.com/acme/shop/commit/2fff90f8',
    'https://ci.example.com/repos/-7/pipeline/212',
    `https://ci.example.com/repos/${'7'.repeat(16)}/pipeline/212`,
  ])('finds none in "%s" for pipeline 212', (link) => {
    expect(repoIdInLink(link, 212)).toBeNull();
  });

  it('reads 0, which is no repo, as no id', () => {
    expect(repoIdInLink('https://ci.example.com/repos/0/pipeline/212', 212)).toBeNull();
  });
});
