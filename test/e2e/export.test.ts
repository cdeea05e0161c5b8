import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { readOpenMetrics } from '../support/openmetrics-reader.ts';
import { startPrometheus } from '../support/prometheus-process.ts';
import { requireProgram } from '../support/requirement.ts';

const daySeconds = 86_400;
const labels = ['--label', 'job=dora', '--label', 'instance=dora:3672'];

/** Runs a program to its end. */
async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DORA_'));
  const child = spawn(program, args, {
    cwd: new URL('../..', import.meta.url),
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    texts.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    texts.err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...texts };
}

/** What `npm run export` runs, after `exec node`. */
const exportScript = packageJson.scripts.export.split(' ').slice(2);
const runExport = (database: string, ...args: string[]) =>
  run(process.execPath, [...exportScript, ...args], { DORA_DATABASE: database });

interface Report {
  readonly repo: string;
  readonly number: number;
  readonly status: 'success' | 'failure';
  readonly started: number;
  readonly finished: number;
}

/** Sixty deployments of two repos over twelve days, the last one a day before `now`. */
function reportsUntil(now: number): Report[] {
  return Array.from({ length: 60 }, (_, index): Report => {
    const finished = now - 13 * daySeconds + Math.floor(index * 0.2 * daySeconds) + (index % 7) * 611;
    const repo = index % 3 === 0 ? 'acme/cart' : 'acme/shop';
    const status = index % 4 === 1 ? 'failure' : 'success';
    return { repo, number: index + 1, status, started: finished - 60 - index, finished };
  });
}

describe('an export', () => {
  it('shows in a real Prometheus, at any moment, what had been deployed then', async ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const prometheus = requireProgram('prometheus', skip);
    const folder = temporaryFolder();
    const now = Math.floor(Date.now() / 1000);
    const reports = reportsUntil(now);
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    for (const report of reports) expect((await exporter.post(report)).status).toBe(202);

    // The exporter still runs, and writes to its database.
    const files = `${join(folder, 'history')}/`;
    const range = ['--from', '14d', '--to', '3h', '--output', files];
    const exported = await runExport(database, ...range, ...labels);
    expect(exported.err).toMatch(/^\d+ samples of \d+ series written in \d+s\n$/);
    expect(exported.code).toBe(0);

    const data = join(folder, 'prometheus');
    mkdirSync(data);
    const names = readdirSync(files);
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const args = ['tsdb', 'create-blocks-from', '--quiet', '--max-block-duration=162h', 'openmetrics'];
      const made = await run(promtool, [...args, join(files, name), data]);
      expect(made).toMatchObject({ code: 0, err: '' });
    }
    expect(readdirSync(data).filter((name) => /^[0-9A-Z]{26}$/.test(name)).length).toBe(names.length);

    const { query } = await startPrometheus({ program: prometheus, data });
    const countedAt = async (metric: string, at: number) => {
      const result = await query(metric, at);
      return Object.fromEntries(result.map(({ metric: found, value }) => [found['repo'], Number(value[1])]));
    };
    await expect
      .poll(() => countedAt('dora_deployments_total', now - daySeconds).catch(() => null), {
        timeout: 300_000,
      })
      .toEqual({ 'acme/cart': 20, 'acme/shop': 40 });

    const moments = [0, 3, 7, 20, 41, 59].flatMap((index) => {
      const at = reports[index]?.finished ?? 0;
      return [at - 1, at, at + 100, at + 30_000];
    });
    const count = (at: number, isCounted: (report: Report) => boolean) => {
      // A series begins with the last step before its first deployment.
      const begun = reports.filter(({ finished }) => Math.ceil(finished / 240) * 240 - 240 <= at);
      return Object.fromEntries(
        [...new Set(begun.map(({ repo }) => repo))].map((repo) => [
          repo,
          reports.filter((report) => report.repo === repo && report.finished <= at && isCounted(report))
            .length,
        ]),
      );
    };
    for (const at of moments) {
      expect(await countedAt('dora_deployments_total', at), `at ${at}`).toEqual(count(at, () => true));
      expect(await countedAt('dora_deployment_failures_total', at), `at ${at}`).toEqual(
        count(at, ({ status }) => status === 'failure'),
      );
      const weekly = await countedAt('dora_window_deployments{window="7d"}', at);
      const expected = count(at, ({ finished }) => finished > at - 7 * daySeconds);
      const deployed = Object.entries(count(at, () => true)).flatMap(([repo, all]) =>
        all > 0 ? [repo] : [],
      );
      expect(weekly, `at ${at}`).toEqual(Object.fromEntries(deployed.map((repo) => [repo, expected[repo]])));
    }
    const [found] = await query('dora_deployments_total{repo="acme/shop"}', now - daySeconds);
    expect(found?.metric).toEqual({
      __name__: 'dora_deployments_total',
      instance: 'dora:3672',
      job: 'dora',
      repo: 'acme/shop',
      tier: 'unassigned',
    });

    // What is scraped goes on where the export ends.
    const last = await countedAt('dora_deployments_total', now - 4 * 3600);
    const scraped = await exporter.metrics();
    for (const [repo, value] of Object.entries(last)) {
      expect(scraped.get(`dora_deployments_total{repo="${repo}",tier="unassigned"}`)).toBe(value);
    }
    await exporter.stop();
  });

  it('is written to standard output whole, or tells what is wrong', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    const [first] = reportsUntil(Math.floor(Date.now() / 1000));
    expect((await exporter.post(first)).status).toBe(202);
    await exporter.stop();

    // Moments, not ages: a step may pass between the two exports that are compared.
    const ago = (days: number) => new Date(Date.now() - days * daySeconds * 1000).toISOString();
    const range = ['--from', ago(14), '--to', ago(1), ...labels];
    const toOutput = await runExport(database, ...range);
    expect(toOutput.code).toBe(0);
    const history = readOpenMetrics(toOutput.out);
    const series = `dora_deployments_total{job="dora",instance="dora:3672",repo="acme/cart",tier="unassigned"}`;
    expect(
      history.series
        .get(series)
        ?.map(([, value]) => value)
        .slice(0, 3),
    ).toEqual([0, 1, 1]);
    const file = join(folder, 'history.om');
    expect((await runExport(database, ...range, '--output', file, '--no-windows')).code).toBe(0);
    const inFile = readOpenMetrics(readFileSync(file, 'utf8'));
    expect([...inFile.series.keys()].filter((name) => name.includes('window'))).toEqual([]);
    expect(inFile.series.get(series)?.length).toBe(history.series.get(series)?.length);

    // Of a time before there was anything, nothing is written; and of one after all there was, that which it led to.
    const before = await runExport(database, '--from', ago(40), '--to', ago(30), ...labels);
    expect(before.code).toBe(0);
    expect(before.out).toMatch(/^# EOF$/m);
    expect(readOpenMetrics(before.out).series.size).toBe(0);
    expect(before.err).toMatch(/^0 samples of 0 series written in \d+s\nNothing matched: /);
    expect(before.err).toMatch(/no deployment before \d{4}-\d\d-\d\dT[\d:]+Z \(--to\) in the database "/);
    expect(before.err).toContain(`"${database}"`);
    expect(before.err).toContain('the policy excludes all pipelines');
    const after = await runExport(database, '--from', ago(2), '--to', ago(1), ...labels);
    expect(after.err).toMatch(/^[1-9]\d* samples of \d+ series written in \d+s\n$/);

    const mistaken = await runExport(':memory:', '--from', 'today');
    expect(mistaken.code).toBe(2);
    expect(mistaken.err.split('\n').map((line) => line.split(':')[0])).toEqual([
      '--from',
      '--to',
      'DORA_DATABASE',
      '',
    ]);
    const absent = await runExport(join(folder, 'absent.db'), ...range);
    expect(absent).toMatchObject({ code: 1, out: '' });
    expect(absent.err).toContain('Cannot open the database');
    const nowhere = await runExport(database, ...range, '--output', `${database}/history/`);
    expect(nowhere).toMatchObject({ code: 2, out: '' });
    expect(nowhere.err).toContain('is not a folder');
    writeFileSync(join(folder, 'policy.yaml'), 'default_tier: other\n');
    const otherwise = await run(process.execPath, [...exportScript, ...range], {
      DORA_DATABASE: database,
      DORA_POLICY: join(folder, 'policy.yaml'),
    });
    expect(otherwise).toMatchObject({ code: 2, out: '' });
    expect(otherwise.err).toContain('under another policy');
    const help = await runExport(database, '--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('--from TIME');
    expect(help.out).toMatch(/^Exit codes: 0 .*1 .*2 /m);
  });
});
