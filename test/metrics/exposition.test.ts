import { spawnSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createTally } from '../../src/core/pipeline-counts.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createProjection } from '../../src/core/series/samples.ts';
import { createState, type State } from '../../src/core/series/state.ts';
import { contentType, createExposition } from '../../src/metrics/exposition.ts';
import { createEventLoopYield } from '../../src/util/clock.ts';
import { aPair, aPolicy, aRepo } from '../support/records.ts';
import { requireProgram } from '../support/requirement.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

const noSelf = async () => '';

const expose = (state: State, renderSelf: () => Promise<string> = noSelf) =>
  createExposition({
    projection: createProjection(state, defaultPolicy),
    policy: defaultPolicy,
    renderSelf,
    now: () => noon,
    yieldToEventLoop: createEventLoopYield(),
  });

const textOf = async (state: State) => Buffer.from(await expose(state).plain()).toString('utf8');

/** The lines of one metric: its help, its type and its samples. */
function blockOf(text: string, name: string): string[] {
  const lines = text.split('\n');
  const begin = lines.indexOf(lines.find((line) => line.startsWith(`# HELP ${name} `)) ?? '');
  expect(begin).toBeGreaterThanOrEqual(0);
  const length = lines.slice(begin + 2).findIndex((line) => line === '' || line.startsWith('#'));
  return lines.slice(begin, begin + 2 + length);
}

/** acme/shop failed and recovered in production; acme/new only has a running pipeline. */
async function createExample(): Promise<SmallExporter> {
  const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
  const exporter = await createSmallExporter({ policy });
  const report = { repo: 'acme/shop', deploy_to: 'production', event: 'deployment' };
  const failed = { ...report, number: 1, status: 'failure', started: noon - 1000, finished: noon - 910 };
  const healed = { ...report, number: 2, status: 'success', started: noon - 500, finished: noon - 10 };
  for (const body of [failed, healed, { repo: 'acme/new', number: 1, status: 'running' }]) {
    expect((await exporter.receive(body)).kind).toBe('accepted');
  }
  return exporter;
}

function emptyChange(state: State) {
  return { repos: [], pairs: [], timelines: new Map(), follows: new Map(), tally: state.tally };
}

/** A state with one pair that has these names. */
function stateOf(fullName: string, tier: string): State {
  const state = createState();
  state.apply({ ...emptyChange(state), repos: [aRepo({ fullName })], pairs: [aPair({ tier })] });
  return state;
}

describe('the text for Prometheus', () => {
  it('has counters with their help and type for every known pair', async () => {
    const text = await textOf((await createExample()).state);
    expect(blockOf(text, 'dora_deployments_total')).toEqual([
      '# HELP dora_deployments_total Deployments, successful and failed: ended pipelines that the policy counts.',
      '# TYPE dora_deployments_total counter',
      'dora_deployments_total{repo="acme/new",tier="unassigned"} 0',
      'dora_deployments_total{repo="acme/shop",tier="production"} 2',
    ]);
    expect(blockOf(text, 'dora_deployment_failures_total')).toEqual([
      '# HELP dora_deployment_failures_total Failed deployments, each once, however many causes it has.',
      '# TYPE dora_deployment_failures_total counter',
      'dora_deployment_failures_total{repo="acme/new",tier="unassigned"} 0',
      'dora_deployment_failures_total{repo="acme/shop",tier="production"} 1',
    ]);
  });

  it('has timestamps, which are 0 if nothing has ever happened', async () => {
    const text = await textOf((await createExample()).state);
    expect(blockOf(text, 'dora_deployment_last_success_timestamp')).toEqual([
      '# HELP dora_deployment_last_success_timestamp When a deployment last succeeded, in Unix seconds; 0 if none ever did.',
      '# TYPE dora_deployment_last_success_timestamp gauge',
      'dora_deployment_last_success_timestamp{repo="acme/new",tier="unassigned"} 0',
      'dora_deployment_last_success_timestamp{repo="acme/shop",tier="production"} 1785500440',
    ]);
    expect(blockOf(text, 'dora_deployment_last_failure_timestamp').slice(1)).toEqual([
      '# TYPE dora_deployment_last_failure_timestamp gauge',
      'dora_deployment_last_failure_timestamp{repo="acme/new",tier="unassigned"} 0',
      'dora_deployment_last_failure_timestamp{repo="acme/shop",tier="production"} 1785499540',
    ]);
    expect(blockOf(text, 'dora_deployment_failing_since_timestamp').slice(1)).toEqual([
      '# TYPE dora_deployment_failing_since_timestamp gauge',
      'dora_deployment_failing_since_timestamp{repo="acme/new",tier="unassigned"} 0',
      'dora_deployment_failing_since_timestamp{repo="acme/shop",tier="production"} 0',
    ]);
  });

  it('has histograms with cumulative buckets from the first deployment on', async () => {
    const text = await textOf((await createExample()).state);
    const labels = 'repo="acme/shop",tier="production"';
    expect(blockOf(text, 'dora_deployment_recovery_time_seconds')).toEqual([
      '# HELP dora_deployment_recovery_time_seconds From the first failed deployment of an episode to the end of the episode.',
      '# TYPE dora_deployment_recovery_time_seconds histogram',
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="300"} 0`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="900"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="3600"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="14400"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="86400"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="259200"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="604800"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="2592000"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="15552000"} 1`,
      `dora_deployment_recovery_time_seconds_bucket{${labels},le="+Inf"} 1`,
      `dora_deployment_recovery_time_seconds_sum{${labels}} 900`,
      `dora_deployment_recovery_time_seconds_count{${labels}} 1`,
    ]);
    expect(blockOf(text, 'dora_deployment_duration_seconds').slice(1)).toEqual([
      '# TYPE dora_deployment_duration_seconds histogram',
      `dora_deployment_duration_seconds_bucket{${labels},le="30"} 0`,
      `dora_deployment_duration_seconds_bucket{${labels},le="60"} 0`,
      `dora_deployment_duration_seconds_bucket{${labels},le="120"} 1`,
      `dora_deployment_duration_seconds_bucket{${labels},le="300"} 1`,
      `dora_deployment_duration_seconds_bucket{${labels},le="600"} 2`,
      `dora_deployment_duration_seconds_bucket{${labels},le="1200"} 2`,
      `dora_deployment_duration_seconds_bucket{${labels},le="1800"} 2`,
      `dora_deployment_duration_seconds_bucket{${labels},le="3600"} 2`,
      `dora_deployment_duration_seconds_bucket{${labels},le="7200"} 2`,
      `dora_deployment_duration_seconds_bucket{${labels},le="+Inf"} 2`,
      `dora_deployment_duration_seconds_sum{${labels}} 580`,
      `dora_deployment_duration_seconds_count{${labels}} 2`,
    ]);
  });

  it('has a histogram at 0 after the first deployment, even without an observation', async () => {
    const exporter = await createSmallExporter();
    await exporter.receive({ repo: 'acme/shop', number: 1, status: 'success', finished: noon - 10 });
    const samples = blockOf(await textOf(exporter.state), 'dora_deployment_recovery_time_seconds').slice(2);
    expect(samples.length).toBe(12);
    expect(samples.filter((line) => !line.endsWith(' 0'))).toEqual([]);
  });

  it('has no timestamp on any sample', async () => {
    const lines = (await textOf((await createExample()).state)).split('\n');
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples.length).toBeGreaterThan(30);
    expect(samples.filter((line) => !/^[a-z_]+\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\} \S+$/.test(line))).toEqual(
      [],
    );
  });

  it('has only the labels repo, tier, window and those of the format', async () => {
    const text = await textOf((await createExample()).state);
    const names = [...text.matchAll(/[{,]([a-z]+)="/g)].map(([, name]) => name);
    expect([...new Set(names)].sort()).toEqual(['cause', 'le', 'quantile', 'repo', 'tier', 'window']);
  });

  it('has help and type but no samples if nothing is known', async () => {
    const text = await textOf(createState());
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    expect(text).toContain('# TYPE dora_deployments_total counter\n');
  });

  it.each([
    ['quotes', 'ac"me/shop', 'pro"d', 'repo="ac\\"me/shop",tier="pro\\"d"'],
    ['backslashes', 'ac\\me/shop', 'pro\\nd', 'repo="ac\\\\me/shop",tier="pro\\\\nd"'],
    ['line ends', 'acme/shop', 'pro\nd', 'repo="acme/shop",tier="pro\\nd"'],
    ['braces and commas', 'ac}me/sh,op', 'a="b"', 'repo="ac}me/sh,op",tier="a=\\"b\\""'],
    ['all scripts', 'ünï/цех', '生产', 'repo="ünï/цех",tier="生产"'],
  ])('escapes %s in labels', async (_, repo, tier, labels) => {
    expect(blockOf(await textOf(stateOf(repo, tier)), 'dora_deployments_total')[2]).toBe(
      `dora_deployments_total{${labels}} 0`,
    );
  });

  it('has each sample once, even if two repos share a name', async () => {
    const state = createState();
    state.apply({
      ...emptyChange(state),
      repos: [aRepo(), aRepo({ key: 2, woodpeckerId: 12, fullName: 'Acme/Shop' })],
      pairs: [aPair(), aPair({ repo: 2 })],
    });
    const samples = (await textOf(state)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples.length).toBeGreaterThan(4);
    expect(new Set(samples.map((line) => line.toLowerCase().replace(/ \S+$/, ''))).size).toBe(samples.length);
  });

  it('has a content type that names its format', () => {
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});

describe('a scrape', () => {
  /** A state that counts how often it is read as a whole. */
  function watched(state: State) {
    const seen = { readings: 0, isBroken: false };
    const facade: State = Object.create(state, {
      pairs: {
        get() {
          seen.readings++;
          if (seen.isBroken) throw new Error('Not now');
          return state.pairs;
        },
      },
    });
    return { seen, facade };
  }

  it('renders the figures once per change, for any number of requests in any encoding', async () => {
    const state = stateOf('acme/shop', 'production');
    const { seen, facade } = watched(state);
    const exposition = expose(facade, noSelf);
    expect(seen.readings).toBe(0);
    await Promise.all([exposition.plain(), exposition.gzip(), exposition.plain()]);
    await exposition.gzip();
    expect(seen.readings).toBe(1);

    state.apply({ ...emptyChange(state), pairs: [aPair({ tier: 'staging' })] });
    const [plain, zipped] = await Promise.all([exposition.plain(), exposition.gzip()]);
    expect(seen.readings).toBe(2);
    expect(Buffer.from(plain).toString()).toContain('tier="staging"');
    expect(gunzipSync(zipped).equals(plain)).toBe(true);
  });

  it('renders the exporter’s own metrics for each request', async () => {
    let asked = 0;
    const exposition = expose(createState(), async () => `self ${++asked}\n`);
    const last = async () =>
      Buffer.from(await exposition.plain())
        .toString()
        .split('\n')
        .at(-2);
    expect([await last(), await last()]).toEqual(['self 1', 'self 2']);
  });

  it('does not cache a failed rendering', async () => {
    const { seen, facade } = watched(stateOf('acme/shop', 'production'));
    const exposition = expose(facade, noSelf);
    seen.isBroken = true;
    await expect(exposition.plain()).rejects.toThrow('Not now');
    seen.isBroken = false;
    expect(Buffer.from(await exposition.plain()).toString()).toContain('acme/shop');
  });

  it.each([
    ['nothing', 0, ''],
    ['nothing about itself', 3, ''],
    ['a line about itself', 3, 'self 1\n'],
    ['a text in all scripts', 3, '# HELP self ünï цех 生产 😀\nself 1\n'],
    ['thousands of series', 3000, `self 1\n${'# filler\n'.repeat(50_000)}`],
  ])('has the same content compressed and uncompressed, with %s', async (_, repos, self) => {
    const state = createState();
    state.apply({
      ...emptyChange(state),
      tally: createTally(),
      repos: Array.from({ length: repos }, (_, i) =>
        aRepo({ key: i, woodpeckerId: i + 1, fullName: `acme/r${i}` }),
      ),
      pairs: Array.from({ length: repos }, (_, i) => aPair({ repo: i })),
    });
    const exposition = expose(state, async () => self);
    const [plain, zipped] = [await exposition.plain(), await exposition.gzip()];
    // Reading also checks the length and the checksum over both parts.
    const text = gunzipSync(zipped).toString('utf8');
    expect(text).toBe(Buffer.from(plain).toString('utf8'));
    expect(text.endsWith(self)).toBe(true);
    expect(text.split('\n').filter((line) => line.startsWith('dora_deployments_total')).length).toBe(repos);
  });
});

describe('promtool check metrics', () => {
  async function scrape(): Promise<string> {
    const exporter = await createExample();
    return (await exporter.app().request('/metrics')).text();
  }

  const check = (program: string, input: string) => {
    const { status, stdout, stderr } = spawnSync(program, ['check', 'metrics'], { input, encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };

  it('finds a fault in a bad text', ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const { status, said } = check(promtool, '# TYPE lint_me_total gauge\nlint_me_total 1\n');
    expect(status).not.toBe(0);
    expect(said).toContain('lint_me_total');
  });

  it('finds no fault in the exporter’s metrics', async ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const own = (await scrape()).split('\n').filter((line) => /^(# (HELP|TYPE) )?dora_/.test(line));
    expect(own.length).toBeGreaterThan(100);
    expect(check(promtool, `${own.join('\n')}\n`)).toEqual({ status: 0, said: '' });
  });

  it('finds no fault in a whole scrape, including Node’s own metrics', async ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    expect(check(promtool, await scrape())).toEqual({ status: 0, said: '' });
  });
});
