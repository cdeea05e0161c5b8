import { chromium } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Explanation, Listing } from '../../src/core/explain.ts';
import type { Delivery } from '../../src/core/figures/delivery.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { fine } from '../../src/core/verdict.ts';
import type { WindowFigures } from '../../src/core/windows/window-figures.ts';
import { listen } from '../../src/http/server.ts';
import { renderExplanation } from '../../src/pages/explain-page.ts';
import { ownScript, textOfPage } from '../support/page-text.ts';
import { aDeployment, aPolicy, aRecord } from '../support/records.ts';
import { requireProgram } from '../support/requirement.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

const { windows } = defaultPolicy;
const day = 86_400;
const none = { samples: 0, median: null, p95: null };

function anExplanation(overrides: Partial<Explanation> = {}): Explanation {
  return {
    repo: 'acme/shop',
    tier: 'production',
    tiers: ['production'],
    window: { name: '30d', seconds: 30 * day },
    at: noon,
    figures: {
      deployments: 12,
      failedByCause: {},
      failedDeployments: 3,
      reworkDeployments: 1,
      deploymentsPerDay: 0.4,
      changeFailRate: 0.25,
      reworkRate: 1 / 12,
      changeLeadTime: { samples: 7, median: 10_800, p95: 200_000 },
      recoveryTime: { samples: 1, median: 1800, p95: 1800 },
      coverage: 1,
    },
    withoutLeadTime: { nothing_new: 1, pending: 0, unknown: 0 },
    failingSince: 0,
    uncounted: [],
    pipelines: [],
    next: null,
    drawn: [],
    episodes: [],
    incidents: [],
    ...overrides,
  };
}

const success = (number: number, delivery: Delivery): Explanation['pipelines'][number] => ({
  place: { at: noon - number * 60, number, repo: 1 },
  record: aRecord({ number }),
  repoId: 11,
  url: `https://ci.example.com/repos/11/pipeline/${number}`,
  verdict: {
    kind: 'deployment',
    part: { deployment: aDeployment({ number }), episode: { kind: 'none' }, delivery },
  },
});

const render = (
  explanation: Explanation,
  options: { older?: string; isOfNow?: boolean; show?: Listing; before?: WindowFigures } = {},
) => renderExplanation(explanation, { windows, older: null, isOfNow: true, ...options });

const links = (page: string) =>
  [...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href?.replaceAll('&amp;', '&'));

const textOf = async (explanation: Explanation) => textOfPage(await render(explanation));

describe('the page of an explanation', () => {
  it('shows the five figures, and what each is made of', async () => {
    const text = await textOf(anExplanation());
    expect(text).toContain('After 2026-07-01 12:20 , up to 2026-07-31 12:20 (UTC).');
    expect(text).toContain('Deployment frequency 12 in 30d: 2.8 a week');
    expect(text).toContain('Change lead time 3 h median of 7 commits; 95th percentile 2.3 d');
    expect(text).toContain('Change fail rate 25 % 3 of 12 failed');
    expect(text).toContain(
      'Failed deployment recovery time 30 min median of 1 recovery; 95th percentile 30 min',
    );
    expect(text).toContain('Deployment rework rate 8.3 % 1 of 12 unplanned');
    expect(text).not.toMatch(/Failing since|is known|without a commit time/);
  });

  it('compares each figure with the window before, if all of that is known', async () => {
    const { figures } = anExplanation();
    const before = {
      ...figures,
      ...{ deploymentsPerDay: 0.2, changeFailRate: 0.1214, reworkRate: 0.0834 },
      ...{ changeLeadTime: { samples: 2, median: 7200, p95: 7200 }, recoveryTime: none },
    };
    const textAfter = async (coverage: number) =>
      textOfPage(await render(anExplanation(), { before: { ...before, coverage } }));
    const text = await textAfter(1);
    expect(text).toContain('12 in 30d: 2.8 a week ↑ 100 %, better 1.4 a week in the 30d before');
    expect(text).toContain('95th percentile 2.3 d ↑ 1 h, worse 2 h in the 30d before');
    expect(text).toContain('3 of 12 failed ↑ 12.9 points, worse 12.1 % in the 30d before');
    expect(text).toContain('95th percentile 30 min nothing to compare with');
    expect(text).toContain('1 of 12 unplanned → as before 8.3 % in the 30d before');
    const part = await textAfter(0.4);
    expect(part).toContain('3 of 12 failed not compared: of the 30d before, only 40 % is known');
    expect(part).not.toMatch(/better|worse|as before/);
    expect(await textAfter(0)).toContain('3 of 12 failed not compared: of the 30d before, nothing is known');
  });

  it("leads to the repo's other tiers, with the same window, choice and moment", async () => {
    const tiers = ['production', 'staging'];
    const page = await render(anExplanation({ tiers }), { isOfNow: false, show: 'failed' });
    expect(textOfPage(page)).toContain('Tier production staging');
    expect(links(page)).toContain(
      'explain?repo=acme%2Fshop&tier=staging&window=30d&show=failed&at=2026-07-31T12%3A20%3A50Z',
    );
    expect(textOfPage(await render(anExplanation()))).not.toContain('Tier');
  });

  it('shows a dash where there is no figure, and says why', async () => {
    const figures = {
      ...anExplanation().figures,
      deployments: 0,
      deploymentsPerDay: 0,
      changeFailRate: null,
      reworkRate: null,
      changeLeadTime: none,
      recoveryTime: none,
    };
    const text = await textOf(anExplanation({ figures }));
    expect(text).toContain('Change lead time – no commit in the window to tell it');
    expect(text).toContain('Change fail rate – no deployment to divide by');
    expect(text).toContain('Pipelines None in the window.');
  });

  it('says that the policy has no rules for rework', async () => {
    const figures = { ...anExplanation().figures, reworkDeployments: null, reworkRate: null };
    expect(await textOf(anExplanation({ figures }))).toContain(
      'Deployment rework rate – the policy has no rules for it',
    );
  });

  it('says what stands behind the figures: an open episode, a part that is not known, lead times that are missing', async () => {
    const text = await textOf(
      anExplanation({
        failingSince: noon - 7200,
        withoutLeadTime: { nothing_new: 0, pending: 2, unknown: 3 },
        figures: { ...anExplanation().figures, coverage: 0.405 },
      }),
    );
    expect(text).toContain('Failing since 2026-07-31 10:20 , for 2 h');
    expect(text).toContain('Only 40.5 % of that time is known');
    expect(text).toContain('3 deployments without a commit time, 2 still to be looked up');
  });

  it.each([
    [1, 0, '1 deployment without a commit time'],
    [0, 1, '1 deployment still to be looked up'],
    [0, 2, '2 deployments still to be looked up'],
  ])('says of %i and %i lead times that are missing: %s', async (unknown, pending, words) => {
    const text = await textOf(anExplanation({ withoutLeadTime: { nothing_new: 0, pending, unknown } }));
    expect(text).toContain(`95th percentile 2.3 d ${words} nothing to compare with Change fail rate`);
  });

  it.each([
    [0, 'in 30d'],
    [1, 'in 30d'],
    [2, 'in 30d: one every 15 days'],
    [4, 'in 30d: one every 8 days'],
    [5, 'in 30d: 1.2 a week'],
    [29, 'in 30d: 6.8 a week'],
    [75, 'in 30d: 2.5 a day'],
  ])('says how often %i deployments are: "%s"', async (deployments, words) => {
    const { figures } = anExplanation();
    const often = { ...figures, deployments, deploymentsPerDay: deployments / 30 };
    const text = await textOf(anExplanation({ figures: often }));
    expect(text).toContain(
      `Deployment frequency ${deployments} ${words} nothing to compare with Change lead time`,
    );
  });

  it('tells of each pipeline what came of it, and links to it in Woodpecker', async () => {
    const commits = Array.from({ length: 60 }, (_, i) => ({
      id: `commit-${i}`,
      leadTimeSeconds: 60 * (i + 1),
    }));
    const explanation = anExplanation({
      pipelines: [
        success(1, { kind: 'known', source: 'forge', commits }),
        success(2, { kind: 'known', source: 'report', commits: commits.slice(0, 1) }),
        success(3, { kind: 'known', source: 'forge', commits: [] }),
        success(4, { kind: 'nothing_new' }),
        success(5, { kind: 'pending' }),
        success(6, { kind: 'unknown' }),
        { ...success(7, { kind: 'unknown' }), verdict: { kind: 'uncounted', reason: 'branch' }, url: null },
      ],
      uncounted: [{ reason: 'branch', pipelines: 1 }],
    });
    const text = await textOf(explanation);
    expect(text).toContain('60 commits, lead times from 60 s to 60 min (times from the forge)');
    expect(text).toContain('commit-49 50 min and 10 more');
    expect(text).toContain('Lead time 60 s (time reported by a step) .');
    expect(text).toContain('Only merges, and commits that were deployed before.');
    expect(text).toContain('No new commits');
    expect(text).toContain('not yet looked up in the forge');
    expect(text).toContain('Lead time unknown');
    expect(text).toContain('Not counted: the policy does not count its branch');
    const page = await render(explanation);
    expect(page).toContain('<a href="https://ci.example.com/repos/11/pipeline/1">#1</a>');
    expect(page).not.toContain('pipeline/7');
  });

  it('draws every deployment and lead time, each leading to its row here or on another page', async () => {
    const place = (number: number) => ({ at: noon - number * 60, number, repo: 1 });
    const page = await render(
      anExplanation({
        pipelines: [success(1, { kind: 'unknown' })],
        drawn: [
          { ...place(2), causes: ['rollback', 'incident'], leadTimes: [] },
          { ...place(1), causes: [], leadTimes: [60, 7200] },
        ],
        episodes: [{ start: noon - 120, end: null }],
        incidents: [{ id: 'INC-1', start: noon - 3600, end: noon - 60, receivedAt: null }],
      }),
    );
    const row = `p1-${noon - 60}`;
    expect(page).toContain(`<tr id="${row}">`);
    expect(page.split(`<a href="#${row}" tabindex="-1">`).length - 1).toBe(3);
    expect(page).toContain(
      `<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=30d&amp;before=${noon - 120}.3.1#p2-${noon - 120}" tabindex="-1"><title>#2, 2026-07-31 12:18: rolled back, incident</title>`,
    );
    expect(page).toContain(
      '<title>Failing since 2026-07-31 12:18, still open</title><rect class="episode open"',
    );
    expect(page).toContain('<title>Incident for 59 min</title><rect class="outage"');
    expect(page).toContain('The latest 2 of 12 deployments are drawn.');
    expect(page).toContain('Lead times of 2 commits: median 3 h, 95th percentile 2.3 d');
    const scale = page.slice(page.indexOf('class="plot scale"'));
    expect([...scale.matchAll(/text-anchor="end">([^<]*)</g)].map(([, words]) => words)).toEqual([
      ...['60 s', '10 min', '60 min', '6 h', '24 h'],
    ]);
    expect(textOfPage(page)).toContain('median 3 h 95 % within 2.3 d');
  });

  it('draws episodes that are too short and too close to be told apart as one bar', async () => {
    const minute = 60;
    const many = Array.from({ length: 5_000 }, (_, index) => {
      const start = noon - (5_000 - index) * 8 * minute;
      return { start, end: start + minute };
    });
    const page = await render(
      anExplanation({
        episodes: [...many, { start: noon - 30, end: noon - 10 }, { start: noon - 5, end: null }],
      }),
    );
    const bars = [...page.matchAll(/<title>(Failing [^<]*)<\/title><rect class="episode/g)].map(
      ([, words]) => words,
    );
    expect(bars.length).toBeLessThan(320);
    expect(bars[0]).toBe('Failing 17 times, first at 2026-07-03 17:40');
    expect(bars.at(-1)).toBe('Failing since 2026-07-31 12:20, still open');
    expect(Buffer.byteLength(page)).toBeLessThan(100_000);
  });

  it('links to other windows, of the moment that was asked for, and to earlier pipelines', async () => {
    const some = anExplanation({ pipelines: [{ ...success(1, { kind: 'unknown' }), url: null }] });
    const at = 'at=2026-07-31T12%3A20%3A50Z';
    expect(links(await render(some))).toEqual([
      './',
      './operations',
      './?window=30d&tier=production',
      'explain?repo=acme%2Fshop&tier=production&window=7d',
      'explain?repo=acme%2Fshop&tier=production&window=90d',
      'explain?repo=acme%2Fshop&tier=production&window=30d&show=deployments#pipelines',
      'explain?repo=acme%2Fshop&tier=production&window=30d&show=failed#pipelines',
      `api/explain?repo=acme%2Fshop&tier=production&window=30d&${at}`,
    ]);
    expect(links(await render(some, { isOfNow: false, older: '?before=1.2.3' }))).toEqual([
      './',
      './operations',
      `./?window=30d&tier=production&${at}`,
      `explain?repo=acme%2Fshop&tier=production&window=7d&${at}`,
      `explain?repo=acme%2Fshop&tier=production&window=90d&${at}`,
      'explain?repo=acme%2Fshop&tier=production&window=30d',
      `explain?repo=acme%2Fshop&tier=production&window=30d&show=deployments&${at}#pipelines`,
      `explain?repo=acme%2Fshop&tier=production&window=30d&show=failed&${at}#pipelines`,
      'explain?before=1.2.3',
      `api/explain?repo=acme%2Fshop&tier=production&window=30d&${at}`,
    ]);
  });

  it('lists a choice of pipelines, which every link and the form keep', async () => {
    const some = anExplanation({
      pipelines: [{ ...success(1, { kind: 'unknown' }), url: null }],
      drawn: [
        { at: noon - 240, number: 4, repo: 1, causes: ['incident'], leadTimes: [] },
        { at: noon - 180, number: 3, repo: 1, causes: [], leadTimes: [] },
      ],
    });
    const page = await render(some, { isOfNow: false, show: 'failed' });
    const at = 'at=2026-07-31T12%3A20%3A50Z';
    const series = 'explain?repo=acme%2Fshop&tier=production';
    expect(links(page)).toEqual([
      './',
      './operations',
      `./?window=30d&tier=production&${at}`,
      `${series}&window=7d&show=failed&${at}`,
      `${series}&window=90d&show=failed&${at}`,
      `${series}&window=30d&show=failed`,
      `${series}&window=30d&show=failed&${at}&before=${noon - 240}.5.1#p4-${noon - 240}`,
      // No failed one: its row is among everything.
      `${series}&window=30d&${at}&before=${noon - 180}.4.1#p3-${noon - 180}`,
      `${series}&window=30d&${at}#pipelines`,
      `${series}&window=30d&show=deployments&${at}#pipelines`,
      `api/${series}&window=30d&show=failed&${at}`,
    ]);
    expect(textOfPage(page)).toContain(
      'Failed deployments, latest first Show everything deployments failed deployments',
    );
    const hidden = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
    expect(hidden.map(([, name, value]) => `${name}=${value}`)).toEqual([
      ...['repo=acme/shop', 'tier=production', 'window=30d', 'show=failed'],
    ]);
    expect(page).toContain('<input type="date" name="at" value="2026-07-31">');
    const text = textOfPage(await render(anExplanation(), { show: 'failed' }));
    expect(text).toContain('Failed deployments Show everything deployments failed deployments None in');
  });

  it('writes whatever comes from outside as text', async () => {
    const evil = `<script>alert(1)</script><img src=x onerror="alert(2)">'"&`;
    const pipeline = success(1, {
      kind: 'known',
      source: 'forge',
      commits: [{ id: evil, leadTimeSeconds: 1 }],
    });
    const page = await render(
      anExplanation({
        repo: evil,
        tier: evil,
        window: { name: evil, seconds: 60 },
        pipelines: [
          {
            ...pipeline,
            url: evil,
            record: aRecord({
              status: evil,
              event: evil,
              branch: evil,
              deployTo: evil,
              commit: evil,
              message: evil,
            }),
          },
        ],
      }),
      { older: evil },
    );
    expect(page.replace(ownScript, '')).not.toMatch(/<(script|img|link|iframe|object)/i);
    expect(page.match(/<form[^>]*>/g)).toEqual(['<form method="get" action="explain">']);
    expect(page.split('&lt;script&gt;').length - 1).toBeGreaterThan(7);
  });
});

describe('the status of a pipeline', () => {
  const row = (
    status: string,
    outcome: 'success' | 'failure',
    causes: readonly ('incident' | 'pipeline')[],
  ) => {
    const known = success(1, { kind: 'nothing_new' });
    const verdict = { ...fine, causes };
    const part = {
      deployment: aDeployment({ outcome, verdict }),
      episode: { kind: 'none' },
      delivery: null,
    } as const;
    return render(
      anExplanation({
        pipelines: [{ ...known, record: aRecord({ status }), verdict: { kind: 'deployment', part } }],
      }),
    );
  };

  it('is green or red if the deployment did the same', async () => {
    expect(await row('success', 'success', [])).toContain('<span class="good">success</span>');
    expect(await row('failure', 'failure', ['pipeline'])).toContain('<span class="bad">failure</span>');
  });

  it('has no colour if the deployment did otherwise, and the page says why', async () => {
    const incident = await row('success', 'success', ['incident']);
    expect(incident).not.toContain('>success</span>');
    expect(incident).toContain('<span class="bad">Failed</span>');
    const deployed = await row('failure', 'success', []);
    expect(deployed).not.toContain('>failure</span>');
    expect(deployed).toContain('Deployed: the part that deploys succeeded.');
  });
});

describe('the explanation in a browser', () => {
  it('is reached from the overview, keeps to its own rules, and fits a narrow screen', async ({ skip }) => {
    const executablePath = requireProgram('chromium', skip);
    const exporter = await createSmallExporter({
      policy: aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] }),
    });
    for (const [number, status, event = 'deployment'] of [
      [1, 'failure'],
      [2, 'success'],
      [3, 'killed'],
      [4, 'success', 'pull_request'],
    ]) {
      const told = { event, deploy_to: 'production', branch: 'x'.repeat(200) };
      await exporter.receive({
        repo: 'acme/<b>&shop</b>',
        number,
        status,
        finished: noon - 5 * 3600,
        ...told,
      });
    }
    const app = exporter.app();
    // Behind a proxy, below a path.
    const server = await listen(app.basePath('/').mount('/dora', app.fetch), { host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close(1000));
    const browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--headless',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
      ],
    });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 380, height: 800 }, colorScheme: 'dark' });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    const root = `http://127.0.0.1:${server.port}/dora/`;
    await page.goto(root, { waitUntil: 'networkidle' });
    // Until the whole page is there: the next navigation would break off its request.
    const follow = async (link: string, url: string | RegExp) => {
      await page.click(link);
      await page.waitForURL(url);
    };
    await follow(
      '.repos tbody a',
      `${root}explain?repo=acme%2F%3Cb%3E%26shop%3C%2Fb%3E&tier=production&window=30d`,
    );
    expect(await page.title()).toBe('acme/<b>&shop</b> (production), 30d');
    expect(await page.locator('h1').textContent()).toBe('acme/<b>&shop</b> production');
    expect(await page.locator('.story td:nth-child(2)').allTextContents()).toEqual([
      '#4 success',
      '#3 killed',
      '#2 success',
      '#1 failure',
    ]);
    const reasons = page.locator('table.narrow code');
    expect(await reasons.allTextContents()).toEqual(['killed', 'pull_request']);
    // Texts, because this code has no types of a browser.
    const linesOf =
      "[...document.querySelectorAll('table.narrow code')].map((code) => code.getClientRects().length)";
    expect(await page.evaluate(linesOf)).toEqual([1, 1]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(await page.evaluate("getComputedStyle(document.querySelector('.bad')).color")).toBe(
      'rgb(255, 155, 148)',
    );
    await follow('nav a:text("7d")', /window=7d/);
    const link = (await page.locator('a:text("JSON")').getAttribute('href')) ?? '';
    const answer = await fetch(new URL(link, page.url()));
    expect(await answer.json()).toMatchObject({ tier: 'production', figures: { deployments: 2 } });
    await follow('text="Overview"', root);
    expect(complaints).toEqual([]);

    for (const stale of ['explain?repo=acme/gone&tier=production', 'no/such/page']) {
      const answered = await page.goto(root + stale);
      expect([answered?.status(), await page.title()]).toEqual([404, 'Not Found']);
      expect(await page.evaluate("getComputedStyle(document.querySelector('.dim')).color")).toBe(
        'rgb(157, 167, 177)',
      );
      await follow('text="Overview"', root);
    }
    expect(complaints.filter((complaint) => !complaint.includes('status of 404'))).toEqual([]);
  });
});
