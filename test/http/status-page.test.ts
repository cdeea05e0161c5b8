import { createHash } from 'node:crypto';
import { chromium } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { zeroTotals } from '../../src/core/series/ledger.ts';
import { gauges, type SeriesSample } from '../../src/core/series/samples.ts';
import { pageHeaders } from '../../src/http/page.ts';
import { listen } from '../../src/http/server.ts';
import { renderStatusPage, type Status, type WoodpeckerStatus } from '../../src/http/status-page.ts';
import { aPolicy } from '../support/records.ts';
import { requireProgram } from '../support/requirement.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

function aSeries(
  repo: string,
  times: { success?: number; failure?: number; failingSince?: number } = {},
): SeriesSample {
  const values: Readonly<Record<string, number | undefined>> = {
    dora_deployment_last_success_timestamp: times.success,
    dora_deployment_last_failure_timestamp: times.failure,
    dora_deployment_failing_since_timestamp: times.failingSince,
  };
  return {
    repo,
    tier: 'production',
    gauges: gauges.map(({ name }) => values[name] ?? 0),
    totals: {
      ...zeroTotals,
      counters: { dora_deployments_total: 42, dora_deployment_failures_total: 7 },
    },
    hasDeployed: true,
    windows: null,
  };
}

const aWoodpecker: WoodpeckerStatus = {
  url: 'https://ci.example.com/ci',
  isUp: true,
  isStreaming: null,
  troubles: [],
  backlog: 0,
  reconciledAt: null,
  missed: 0,
};

const aStatus = (overrides: Partial<Status> = {}): Status => ({
  version: '1.2.3',
  now: noon,
  startedAt: noon - 3 * 86_400,
  notReady: null,
  woodpecker: null,
  forge: null,
  sources: [],
  following: 0,
  backfills: [],
  series: [],
  tiers: [],
  policy: defaultPolicy,
  ignored: [],
  events: [],
  ...overrides,
});

/** Text of the page without its style and tags, white space made one. */
async function textOf(status: Status): Promise<string> {
  const page = await renderStatusPage(status);
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** The first cell of each row that is about a repo. */
const reposOf = (page: string) =>
  [...page.matchAll(/<tr><td class="name"><a [^>]*>([^<]*)<\/a><\/td>/g)].map(([, repo]) => repo);

describe('the status page', () => {
  it('says that another policy is being adopted, and how far that is', async () => {
    const page = await renderStatusPage(aStatus({ adoption: { done: 12, of: 200 } }));
    expect(page).toContain('Another policy is being adopted: 12 of 200 repos done.');
    expect(await renderStatusPage(aStatus())).not.toContain('being adopted');
  });

  it('is rendered once for all who ask for it in one turn', async () => {
    let renderings = 0;
    const status = async () => aStatus({ version: `1.0.${++renderings}` });
    const app = (await createSmallExporter()).app({ status });
    const ask = async () => (await app.request('/')).text();
    const pages = await Promise.all([ask(), ask(), ask()]);
    expect([new Set(pages).size, renderings]).toEqual([1, 1]);
    expect(await ask()).not.toBe(pages[0]);
  });

  it('shows the failing pairs first, the one that fails longest before the others', async () => {
    const series = [
      aSeries('acme/well', { success: noon - 60 }),
      aSeries('acme/failing', { failure: noon - 60, failingSince: noon - 120 }),
      aSeries('acme/never'),
      aSeries('acme/failing-longest', {
        success: noon - 9999,
        failure: noon - 60,
        failingSince: noon - 7200,
      }),
    ];
    const page = await renderStatusPage(aStatus({ series }));
    expect(reposOf(page)).toEqual(['acme/failing-longest', 'acme/failing', 'acme/well', 'acme/never']);
    expect(await textOf(aStatus({ series }))).toContain('4 pairs of repo and tier, 2 failing. The last');
    const [well] = series;
    expect(await textOf(aStatus({ series: well ? [well] : [] }))).toContain(
      '1 pair of repo and tier, 0 failing. The last',
    );
  });

  it('tells of a pair when it last went well and ill, since when it fails, and how often it was deployed', async () => {
    const series = [
      aSeries('acme/shop', { success: noon - 90_000, failure: noon - 300, failingSince: noon - 300 }),
    ];
    expect(await textOf(aStatus({ series }))).toContain(
      'acme/shop production 25 h ago 5 min ago 5 min ago 42 7',
    );
    const well = [aSeries('acme/shop', { success: noon - 300 })];
    expect(await textOf(aStatus({ series: well }))).toContain('acme/shop production 5 min ago never – 42 7');
  });

  it('shows the five figures of the middle window, of each tier and pair, and leads to where they come from', async () => {
    const exporter = await createSmallExporter({
      policy: aPolicy({ tiers: [{ tier: 'production', deployTo: ['prod'] }] }),
    });
    for (const [number, daysAgo, status] of [
      [1, 40, 'success'],
      [2, 20, 'failure'],
      [3, 19, 'success'],
      [4, 8, 'success'],
    ] as const) {
      const at = noon - daysAgo * 86_400;
      const told = { event: 'deployment', deploy_to: 'prod', commit: `c${number}`, commit_time: at - 7200 };
      await exporter.receive({ repo: 'acme/shop', number, status, finished: at, ...told });
    }
    const page = await (await exporter.app().request('/')).text();
    const text = page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    expect(text).toContain('Tiers over 30d');
    expect(text).toContain('production 3 2 h 33.3 % 24 h 0 % 0 %');
    expect(text).toContain('acme/shop production 8 d ago 20 d ago – 4 1 3 2 h 33.3 % 24 h 0 %');
    expect(page).toContain(
      '<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=30d">acme/shop</a>',
    );
    const bare = aStatus({ series: [aSeries('acme/shop', { success: noon - 300 })] });
    expect(await textOf(bare)).toContain('acme/shop production 5 min ago never – 42 7 0 – – – –');
  });

  it.each([
    [-60, '0 s ago'],
    [0, '0 s ago'],
    [119, '119 s ago'],
    [120, '2 min ago'],
    [7199, '119 min ago'],
    [7200, '2 h ago'],
    [172_799, '47 h ago'],
    [172_800, '2 d ago'],
  ])('says of what was %i s before that it was %s, and when exactly', async (seconds, words) => {
    const page = await renderStatusPage(
      aStatus({ series: [aSeries('acme/shop', { success: noon - seconds })] }),
    );
    const iso = new Date((noon - seconds) * 1000).toISOString().replace('.000Z', 'Z');
    expect(page).toContain(`<time datetime="${iso}" title="${iso}">${words}</time>`);
  });

  it('shows no more rows than one can read, and says how many more there are', async () => {
    const series = Array.from({ length: 512 }, (_, i) => aSeries(`acme/r${i}`));
    const status = aStatus({ series });
    expect(reposOf(await renderStatusPage(status)).length).toBe(500);
    expect(await textOf(status)).toContain('And 12 more.');
    expect(await textOf(aStatus({ series: series.slice(0, 500) }))).not.toContain('more.');
  });

  it('tells whether it is ready, or why not', async () => {
    expect(await textOf(aStatus())).toContain('Ready , running for 3 d.');
    const notReady = 'Catching up with Woodpecker: 3 repos gone through so far';
    expect(await textOf(aStatus({ notReady }))).toContain(`Not ready: ${notReady}`);
  });

  it('tells of Woodpecker whether it answers', async () => {
    const lineOf = (isUp: boolean | null) =>
      textOf(aStatus({ woodpecker: { ...aWoodpecker, isUp }, following: 4 }));
    expect(await lineOf(null)).toContain(
      'Woodpecker at https://ci.example.com/ci has not been asked yet; 4 unfinished',
    );
    expect(await lineOf(true)).toContain('Woodpecker at https://ci.example.com/ci answers ; 4 unfinished');
    expect(await lineOf(false)).toContain(
      'Woodpecker at https://ci.example.com/ci does not answer as it should ; 4 unfinished',
    );
    expect(await textOf(aStatus())).toContain('No Woodpecker to ask: what webhooks tell is all there is.');
  });

  it('tells of the stream, of what waits, of the last reconciliation and what was missed', async () => {
    const text = await textOf(
      aStatus({
        woodpecker: { ...aWoodpecker, isStreaming: true, backlog: 3, reconciledAt: noon - 240, missed: 17 },
        following: 4,
      }),
    );
    expect(text).toContain(
      'its event stream is connected; 4 unfinished pipelines are followed, 3 repos wait',
    );
    expect(text).toContain('Last reconciliation: 4 min ago');
    expect(text).toContain('webhook and stream had missed: 17.');
    const one = await textOf(aStatus({ woodpecker: { ...aWoodpecker, backlog: 1 }, following: 1 }));
    expect(one).toContain('1 unfinished pipeline is followed, 1 repo waits to be brought up to date.');
    const before = await textOf(aStatus({ woodpecker: { ...aWoodpecker, isStreaming: false } }));
    expect(before).toContain('its event stream is not connected');
    expect(before).toContain('Last reconciliation: never');
  });

  it('says what the forge is still to be asked for, and which repos it does not show', async () => {
    const url = 'https://git.example.com';
    const trouble = 'Forgejo shows no repo acme/shop: it is gone, or DORA_FORGE_TOKEN may not read it';
    const text = await textOf(aStatus({ forge: { url, pending: 3, troubles: [trouble] } }));
    expect(text).toContain(
      'Lead times come from the forge at https://git.example.com , which is still to be asked for 3 deployments.',
    );
    expect(text).toContain(trouble);
    expect(await textOf(aStatus())).not.toContain('forge');
  });

  it('tells what is wrong and what to do', async () => {
    const troubles = ['Token is refused: set another', 'Stream does not stand: look at the proxy'];
    const text = await textOf(aStatus({ woodpecker: { ...aWoodpecker, isUp: false, troubles } }));
    for (const trouble of troubles) expect(text).toContain(trouble);
  });

  it('tells what came in, what is not counted and how backfills went', async () => {
    const text = await textOf(
      aStatus({
        woodpecker: aWoodpecker,
        sources: [
          {
            source: 'webhook',
            lastAt: noon - 60,
            results: [
              { result: 'stored', count: 5 },
              { result: 'rejected', count: 2 },
            ],
          },
          { source: 'stream', lastAt: null, results: [] },
        ],
        ignored: [
          { reason: 'pull_request', pipelines: 31 },
          { reason: 'fork', pipelines: 0 },
        ],
        backfills: [
          {
            id: 'b1',
            state: 'done',
            started: '2026-07-31T12:10:50.700Z',
            finished: '2026-07-31T12:11:50.000Z',
            dry_run: true,
            repos: 2,
            pipelines: { scanned: 90, stored: 50, duplicate: 30, ignored: 10 },
            errors: [{ repo: 'acme/broken', message: 'Woodpecker answered 500' }],
          },
        ],
      }),
    );
    expect(text).toContain('webhook 60 s ago 5 stored, 2 rejected');
    expect(text).toContain('stream never nothing');
    expect(text).toContain('pull_request 31');
    expect(text).not.toContain('fork');
    expect(text).toContain('10 min ago done (dry run) 2 90 50 acme/broken: Woodpecker answered 500');
  });

  it('tells where nightly runs make up most deployments, and how to leave them out', async () => {
    const events = [
      { tier: 'production', event: 'cron', deployments: 3 },
      { tier: 'production', event: 'push', deployments: 1 },
    ];
    const text = await textOf(aStatus({ events }));
    expect(text).toContain('production cron 3 production push 1');
    expect(text).toContain('Cron brings 75 % of the deployments of production');
    expect(text).toContain('deployments: {events: [push, tag, release, deployment, manual]}');
    const even = [{ tier: 'production', event: 'cron', deployments: 1 }, ...events.slice(1)];
    expect(await textOf(aStatus({ events: even }))).not.toContain('Cron brings');
  });

  it('says so where there is nothing yet', async () => {
    const text = await textOf(aStatus());
    expect(text).toContain('Deployments None known yet.');
    expect(text).toContain('Every stored pipeline counts.');
  });

  it('writes whatever comes from outside as text', async () => {
    const evil = `<script>alert(1)</script><img src=x onerror="alert(2)">'"&`;
    const page = await renderStatusPage(
      aStatus({
        version: evil,
        notReady: evil,
        woodpecker: { ...aWoodpecker, url: evil, troubles: [evil] },
        sources: [{ source: evil, lastAt: null, results: [{ result: evil, count: 1 }] }],
        series: [{ ...aSeries(evil), tier: evil }],
        events: [{ tier: evil, event: 'cron', deployments: 1 }],
        ignored: [{ reason: evil as 'repo', pipelines: 1 }],
        backfills: [
          {
            id: 'b1',
            state: evil as 'done',
            started: evil,
            finished: null,
            dry_run: false,
            repos: 1,
            pipelines: { scanned: 0, stored: 0, duplicate: 0, ignored: 0 },
            errors: [{ repo: evil, message: evil }],
          },
        ],
      }),
    );
    expect(page).not.toMatch(/<script|<img/i);
    expect(
      page.split('&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&quot;alert(2)&quot;&gt;')
        .length - 1,
    ).toBe(15);
    expect(page.split('&#39;&quot;&amp;').length - 1).toBe(15);
  });

  it('is allowed its own style by its headers, and nothing else', async () => {
    const page = await renderStatusPage(aStatus({ series: [aSeries('acme/shop', { failingSince: 1 })] }));
    const styles = [...page.matchAll(/<style>(.*?)<\/style>/gs)];
    expect(styles.length).toBe(1);
    const hash = createHash('sha256')
      .update(styles[0]?.[1] ?? '')
      .digest('base64');
    expect(pageHeaders['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(page).not.toMatch(/<(script|link|img|iframe|object|form)|\son\w+=|\sstyle=|javascript:/i);
  });

  it('is sent with those headers', async () => {
    const exporter = await createSmallExporter();
    const response = await exporter.app().request('/');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });
});

describe('the status page in a browser', () => {
  it('has its style, breaks no rule of its own, and shows the failing pair first', async ({ skip }) => {
    const executablePath = requireProgram('chromium', skip);
    const exporter = await createSmallExporter();
    for (const [repo, number, status] of [
      ['acme/aardvark', 1, 'success'],
      ['acme/<b>bold</b>', 1, 'success'],
      ['acme/shop', 1, 'failure'],
    ]) {
      await exporter.receive({ repo, number, status, finished: noon - 600 });
    }
    const server = await listen(exporter.app(), { host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close(1000));
    const browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--headless',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: 'light' });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    const answer = await page.goto(`http://127.0.0.1:${server.port}/`, { waitUntil: 'networkidle' });

    expect(answer?.status()).toBe(200);
    expect(await page.title()).toBe('woodpecker-dora-exporter');
    const rows = await page.locator('.pairs td:first-child').allTextContents();
    expect(rows.slice(0, 3)).toEqual(['acme/shop', 'acme/<b>bold</b>', 'acme/aardvark']);
    // Texts, because this code has no types of a browser.
    const styleOf = (selector: string, property: string) =>
      page.evaluate(
        `getComputedStyle(document.querySelector('${selector}')).getPropertyValue('${property}')`,
      );
    expect(await styleOf('table', 'border-collapse')).toBe('collapse');
    expect(await styleOf('td.n', 'text-align')).toBe('right');
    expect(await styleOf('.bad', 'color')).toBe('rgb(198, 40, 40)');
    expect(complaints).toEqual([]);
  });
});
