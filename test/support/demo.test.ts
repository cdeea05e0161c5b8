import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Metrics, parseMetrics, temporaryFolder } from './exporter-process.ts';
import { hasIpv6Loopback } from './loopback.ts';
import { collectOutput } from './output.ts';

interface Demo {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** URL of the status page; `undefined` until the demo prints it. */
  readonly url: () => string | undefined;
  readonly exited: Promise<number | null>;
  /** Names of the entries in the demo's temporary folder. */
  readonly left: () => string[];
}

/** `flaw`: code that runs in the demo before its own. */
function startDemo(listen: string, flaw = ''): Demo {
  const folder = temporaryFolder();
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DORA_'));
  const flawed = `--import=data:text/javascript,${encodeURIComponent(flaw)}`;
  const child = spawn(process.execPath, [flawed, new URL('demo.ts', import.meta.url).pathname], {
    env: {
      ...Object.fromEntries(inherited),
      TMPDIR: folder,
      DORA_LISTEN: listen,
      // A pipeline starts every second.
      DEMO_PACE_SECONDS: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = collectOutput(child.stdout, child.stderr);
  return {
    child,
    output,
    url: () => /Status page +(\S+)/.exec(output())?.[1],
    exited: new Promise((resolve) => child.once('exit', resolve)),
    left: () => readdirSync(folder),
  };
}

/** Starts the demo, and waits until its exporter answers. */
async function startAnsweringDemo(listen = '127.0.0.1:0', flaw = ''): Promise<Demo> {
  const demo = startDemo(listen, flaw);
  await expect.poll(demo.url).toBeDefined();
  expect(await isAnswering(demo)).toBe(true);
  expect(demo.left()).toEqual([expect.stringMatching(/^dora-demo-/)]);
  return demo;
}

async function isAnswering({ url }: Demo): Promise<boolean> {
  try {
    return (await fetch(`${url()}healthz`)).ok;
  } catch {
    return false;
  }
}

async function metricsOf({ url }: Demo): Promise<Metrics> {
  return parseMetrics(await (await fetch(`${url()}metrics`)).text());
}

describe('the demo', () => {
  it('shows a realistic history: parts, days of lead time, four causes of failures, an incident', async () => {
    const demo = await startAnsweringDemo();
    const isReady = async () => (await metricsOf(demo)).get('dora_exporter_ready') === 1;
    await expect.poll(isReady).toBe(true);
    const metrics = await metricsOf(demo);
    const ofProduction = (name: string, more = '') =>
      ['shop', 'billing', 'search', 'website', 'infra-dns'].map(
        (repo) => metrics.get(`${name}{repo="acme/${repo}",tier="production"${more}}`) ?? -1,
      );
    const hours = ofProduction('dora_window_change_lead_time_seconds', ',window="90d",quantile="0.5"').map(
      (seconds) => seconds / 3600,
    );
    expect(Math.min(...hours)).toBeGreaterThan(1);
    expect(Math.max(...hours)).toBeLessThan(72);
    const aDay = ofProduction('dora_window_deployments', ',window="90d"').map(
      (deployments) => deployments / 90,
    );
    expect(Math.min(...aDay)).toBeGreaterThan(0.5);
    expect(Math.max(...aDay)).toBeLessThan(4);
    expect(ofProduction('dora_deployment_failing_since_timestamp')[1]).toBeGreaterThan(0);
    expect(metrics.get('dora_exporter_pipelines_ignored{reason="not_reached"}')).toBeGreaterThan(20);

    const causes = ['pipeline', 'rollback', 'fix', 'incident'];
    for (const window of ['7d', '30d', '90d']) {
      const ofShop = `dora_window_failed_deployments_by_cause{repo="acme/shop",tier="production",window="${window}"`;
      const shown = async () => {
        const served = await metricsOf(demo);
        return causes.filter((cause) => (served.get(`${ofShop},cause="${cause}"}`) ?? 0) > 0);
      };
      await expect.poll(shown, { message: window }).toEqual(causes);
    }

    const openInSearch = 'dora_incidents_open{repo="acme/search",tier="production"}';
    await expect.poll(async () => (await metricsOf(demo)).get(openInSearch)).toBe(1);
    demo.child.kill('SIGTERM');
    expect(await demo.exited).toBe(0);
  });

  it.runIf(hasIpv6Loopback)(
    'runs at an IPv6 address too, and prints it in the form for browsers',
    async () => {
      const demo = await startAnsweringDemo('[::1]:0');
      expect(demo.url()).toMatch(/^http:\/\/\[::1\]:\d+\/$/);
      await expect
        .poll(async () => (await fetch(`${demo.url()}operations`)).text())
        .toMatch(/webhook<\/th>.*\d+ following/s);
      demo.child.kill('SIGTERM');
      expect(await demo.exited).toBe(0);
      expect([await isAnswering(demo), demo.left()]).toEqual([false, []]);
    },
  );

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing behind after %s', async (signal) => {
    const demo = await startAnsweringDemo();
    demo.child.kill(signal);
    expect(await demo.exited).toBe(0);
    expect([await isAnswering(demo), demo.left()]).toEqual([false, []]);
  });

  it('leaves nothing behind if nobody reads its output', async () => {
    const demo = await startAnsweringDemo();
    demo.child.stdout?.destroy();
    await demo.exited;
    expect([await isAnswering(demo), demo.left()]).toEqual([false, []]);
    expect(demo.output()).not.toContain('    at ');
  });

  it('leaves nothing behind if its exporter cannot start', async () => {
    const demo = startDemo('nowhere');
    expect(await demo.exited).toBe(2);
    expect(demo.left()).toEqual([]);
    expect(demo.output()).toContain('DORA_LISTEN');
  });

  it.each([
    [
      'an exporter that accepts no reports',
      'process.on("SIGUSR2", () => { globalThis.fetch = async () => { throw new Error("broken"); }; })',
    ],
    ['an unexpected error', 'process.on("SIGUSR2", () => { throw new Error("broken"); })'],
  ])('leaves nothing behind if it fails because of %s', async (_, flaw) => {
    const demo = await startAnsweringDemo('127.0.0.1:0', flaw);
    demo.child.kill('SIGUSR2');
    expect(await demo.exited).toBe(1);
    expect(demo.output()).toContain('broken');
    expect([await isAnswering(demo), demo.left()]).toEqual([false, []]);
  });

  it('leaves no exporter behind if it is killed', async () => {
    const demo = await startAnsweringDemo();
    demo.child.kill('SIGKILL');
    await demo.exited;
    await expect.poll(() => isAnswering(demo)).toBe(false);
  });
});
