/**
 * The pages in a real browser: every page at two widths, light and dark, in the states that a reader meets, checked for
 * accessibility and for what must be seen at once; then what a reader does, with and without script.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../src/http/server.ts';
import { startDemoExporter } from '../support/demo-exporter.ts';
import { aPolicy } from '../support/records.ts';
import { isMissing, requireProgram } from '../support/requirement.ts';
import { createSmallExporter, incidentSecret, noon, type SmallExporter } from '../support/small-exporter.ts';

const day = 86_400;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const policy = aPolicy({
  tiers: [
    { tier: 'staging', deployTo: ['stage'] },
    { tier: 'production', deployTo: ['prod'] },
  ],
});

/** Of a page at one width, in one scheme of colours. */
interface Screen {
  readonly width: number;
  readonly colorScheme: 'light' | 'dark';
  /** What axe looks for: contrast alone depends on the scheme. */
  readonly axeOptions: string;
}

const screens: readonly Screen[] = [1400, 390].flatMap((width) => [
  { width, colorScheme: 'light', axeOptions: '{}' },
  { width, colorScheme: 'dark', axeOptions: "{ runOnly: ['color-contrast'] }" },
]);

let browser: Browser;

async function deploy(exporter: SmallExporter, repo: string, statuses: readonly string[]): Promise<void> {
  for (const [index, status] of statuses.entries()) {
    const finished = noon - (statuses.length - index) * day;
    await exporter.receive({
      ...{ repo, number: index + 1, status, finished, started: finished - 120, event: 'deployment' },
      ...{ deploy_to: 'prod', commit: `c${index}`, commit_time: finished - 7200 },
    });
  }
}

/** Reports an incident of acme/shop. */
async function report(exporter: SmallExporter, incident: object): Promise<void> {
  const response = await exporter.app().request('/incidents', {
    method: 'POST',
    headers: { authorization: `Bearer ${incidentSecret}` },
    body: JSON.stringify({ repo: 'acme/shop', tier: 'production', ...incident }),
  });
  expect(response.status).toBe(202);
}

const states: Readonly<Record<string, (exporter: SmallExporter) => Promise<void>>> = {
  'nothing known': async () => undefined,
  'one repo': (exporter) => deploy(exporter, 'acme/shop', ['success', 'failure', 'success']),
  'one failing': async (exporter) => {
    await deploy(exporter, 'acme/aardvark', ['success', 'success']);
    await deploy(exporter, 'acme/shop-with-a-name-that-is-longer-than-a-phone-is-wide/and-goes-on', [
      ...['success', 'failure', 'failure'],
    ]);
  },
  'one incident open': async (exporter) => {
    await deploy(exporter, 'acme/shop', ['success', 'success']);
    await report(exporter, {
      ...{ id: 'INC-1', started: noon - 7200 },
      ...{ title: 'Checkout fails', url: 'https://pager.example.com/1' },
    });
  },
  'failures every day': async (exporter) => {
    await deploy(exporter, 'acme/shop', Array(90).fill('success'));
    await deploy(exporter, 'acme/cart', Array(90).fill('failure'));
    for (let days = 1; days <= 90; days++) {
      const started = noon - days * day + 3600;
      await report(exporter, { id: `INC-${days}`, started, resolved: started + 600 });
    }
  },
  '500 repos': async (exporter) => {
    for (let index = 0; index < 500; index++) {
      await deploy(exporter, `acme/repo-${index}`, [index % 50 === 0 ? 'failure' : 'success']);
    }
  },
};

/** Serves the pages of an exporter in some state; returns their root. */
async function serve(state: string, windows = policy.windows): Promise<string> {
  const exporter = await createSmallExporter({ policy: { ...policy, windows } });
  await states[state]?.(exporter);
  const server = await listen(exporter.app(), { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close(1000));
  return `http://127.0.0.1:${server.port}/`;
}

async function openPage(options: NonNullable<Parameters<Browser['newContext']>[0]> = {}): Promise<Page> {
  const context = await browser.newContext({ timezoneId: 'UTC', ...options });
  onTestFinished(() => context.close());
  return context.newPage();
}

function listenTo(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  return complaints;
}

/** What is amiss with a page: findings of axe, what lies beyond the right edge, words of the console. */
async function faultsOf(url: string): Promise<string[]> {
  const page = await openPage();
  const faults = listenTo(page);
  await page.goto(url, { waitUntil: 'load' });
  await page.evaluate(axe);
  for (const { width, colorScheme, axeOptions } of screens) {
    await page.setViewportSize({ width, height: 844 });
    await page.emulateMedia({ colorScheme });
    const name = `${width} ${colorScheme}`;
    if (await page.evaluate('document.documentElement.scrollWidth > innerWidth'))
      faults.push(`${name}: wider than the screen`);
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    const findings = await page.evaluate(
      `axe.run(${axeOptions}).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html }) => id + ': ' + html)))`,
    );
    for (const finding of findings as string[]) faults.push(`${name}: ${finding}`);
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })");
  }
  return faults;
}

const drawn = { marks: '.mark', words: 'text' } as const;

/** How many marks or words the charts have, and which of them overlap. */
async function overlapsOf(page: Page, what: keyof typeof drawn): Promise<[number, object[]]> {
  const boxes = (await page.evaluate(
    `[...document.querySelectorAll('figure.chart .plot ${drawn[what]}')].map((one) => one.getBoundingClientRect().toJSON())`,
  )) as { left: number; right: number; top: number; bottom: number }[];
  const overlapping = boxes.flatMap((a, index) =>
    boxes
      .slice(index + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom),
  );
  return [boxes.length, overlapping];
}

describe.skipIf(isMissing('chromium'))('the pages in a browser', () => {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: requireProgram('chromium', (reason) => {
        throw new Error(reason);
      }),
      args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
    });
  });
  afterAll(() => browser.close());

  it.each(Object.keys(states))('are accessible and no wider than the screen with %s', async (state) => {
    const root = await serve(state);
    const pages = [root, `${root}operations`];
    if (state === 'one repo')
      pages.push(
        `${root}explain?repo=acme/shop&tier=production`,
        `${root}explain?repo=acme/shop&tier=production&show=failed&at=1d`,
        `${root}no/such/page`,
      );
    if (state === 'one incident open') pages.push(`${root}?at=1h`, `${root}?at=1d`);
    for (const url of pages) {
      const faults = await faultsOf(url);
      expect
        .soft(
          faults.filter((words) => !words.includes('status of 404')),
          url,
        )
        .toEqual([]);
    }
  });

  it('are accessible with the history of the demo, and show the figures of /api/dora and /metrics', async () => {
    const { exporter } = await startDemoExporter();
    const root = `${exporter.url}/`;
    const explain = `${root}explain?repo=acme/shop&tier=production&window=30d`;
    for (const url of [root, `${root}operations`, explain]) {
      expect.soft(await faultsOf(url), url).toEqual([]);
    }

    const page = await openPage();
    await page.goto(`${root}?window=30d`);
    const dora = (await (await fetch(`${root}api/dora?window=30d`)).json()) as {
      readonly tiers: readonly {
        readonly tier: string;
        readonly figures: { readonly deployments: number; readonly failed_deployments: number };
        readonly score: { readonly change_fail_rate: { readonly score: number } };
      }[];
    };
    const metrics = await (await fetch(`${root}metrics`)).text();
    expect(dora.tiers.length).toBeGreaterThan(1);
    for (const { tier, figures, score } of dora.tiers) {
      const words = await page
        .locator('section.tier', { has: page.locator(`h2:text-is("${tier}")`) })
        .innerText();
      const { deployments, failed_deployments: failed } = figures;
      expect(words).toContain(`${deployments} deployment`);
      expect(words).toContain(`${failed} of ${deployments} failed`);
      expect(words).toContain(String(Number(score.change_fail_rate.score.toFixed(1))));
      expect(metrics).toContain(`dora_tier_window_deployments{tier="${tier}",window="30d"} ${deployments}\n`);
      expect(metrics).toContain(
        `dora_tier_window_failed_deployments{tier="${tier}",window="30d"} ${failed}\n`,
      );
    }
  });

  it('show the failing repo on a phone without scrolling', async () => {
    const page = await openPage({ viewport: { width: 390, height: 844 } });
    await page.goto(await serve('one failing'));
    const named = page.locator('.failing-list strong').first();
    expect(await named.innerText()).toContain('acme/shop-with-a-name');
    const box = await named.boundingBox();
    expect((box?.y ?? 844) + (box?.height ?? 0)).toBeLessThan(844);
  });

  it.each([true, false])(
    'can be searched, sorted and gone back through, with script: %s',
    async (javaScriptEnabled) => {
      const page = await openPage({ javaScriptEnabled });
      await page.goto(await serve('500 repos'));
      const names = () => page.locator('table.repos tbody th a').allInnerTexts();
      expect((await names()).slice(0, 2)).toEqual(['acme/repo-0', 'acme/repo-100']);
      expect((await names()).length).toBe(500);

      await page.fill('input[name=repo]', 'repo-49');
      await page.press('input[name=repo]', 'Enter');
      await page.waitForURL(/repo=repo-49/);
      expect(await names()).toEqual([
        ...[
          'acme/repo-49',
          'acme/repo-490',
          'acme/repo-491',
          'acme/repo-492',
          'acme/repo-493',
          'acme/repo-494',
        ],
        ...['acme/repo-495', 'acme/repo-496', 'acme/repo-497', 'acme/repo-498', 'acme/repo-499'],
      ]);
      await page.click('table.repos thead a:has-text("Repo")');
      await page.click('table.repos thead a:has-text("Repo")');
      expect(page.url()).toContain('sort=-repo');
      expect((await names()).at(0)).toBe('acme/repo-499');
      expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending');

      await page.click('nav[aria-label=Window] a:has-text("7d")');
      expect(new URL(page.url()).search).toBe('?window=7d&repo=repo-49&sort=-repo');
      await page.goBack();
      expect(new URL(page.url()).search).toBe('?window=30d&repo=repo-49&sort=-repo');
      expect((await names()).at(0)).toBe('acme/repo-499');
    },
  );

  it.each([true, false])('can be sorted on a phone, with script: %s', async (javaScriptEnabled) => {
    const page = await openPage({ javaScriptEnabled, viewport: { width: 390, height: 844 } });
    await page.goto(await serve('500 repos'));
    const first = () => page.locator('table.repos tbody th a').first().innerText();
    const sort = page.locator('nav[aria-label=Sort]');
    expect(await sort.locator('[aria-current]').innerText()).toBe('Failing first ↓');
    expect(await first()).toBe('acme/repo-0');
    await sort.locator('a:text-is("Repo")').click();
    await page.waitForURL(/sort=repo#repos/);
    await sort.locator('a:text-is("Repo ↑")').click();
    await page.waitForURL(/sort=-repo#repos/);
    expect(await first()).toBe('acme/repo-99');
    await page.setViewportSize({ width: 1400, height: 844 });
    expect(await sort.isVisible()).toBe(false);
  });

  it.each([true, false])(
    'explain the deployments that a reader chooses, and those of another day, with script: %s',
    async (javaScriptEnabled) => {
      const page = await openPage({ javaScriptEnabled, viewport: { width: 390, height: 844 } });
      const root = await serve('one failing');
      await page.goto(
        `${root}explain?repo=acme/shop-with-a-name-that-is-longer-than-a-phone-is-wide/and-goes-on&tier=production&window=30d`,
      );
      const listed = () => page.locator('.story td:nth-child(2)').allInnerTexts();
      expect(await listed()).toEqual(['#3 failure', '#2 failure', '#1 success']);
      await page.click('nav[aria-label=Show] a:text-is("failed deployments")');
      await page.waitForURL(/show=failed#pipelines/);
      expect(await listed()).toEqual(['#3 failure', '#2 failure']);
      expect(await page.locator('nav[aria-label=Show] [aria-current]').innerText()).toBe(
        'failed deployments',
      );

      await page.fill('input[name=at]', '2026-07-29');
      await page.click('button:text-is("Show")');
      await page.waitForURL(/at=2026-07-29/);
      expect(await listed()).toEqual(['#2 failure']);
      await page.click('nav[aria-label=Window] a:text-is("7d")');
      await page.waitForURL(/window=7d/);
      const { searchParams } = new URL(page.url());
      expect([searchParams.get('show'), searchParams.get('at')]).toEqual(['failed', '2026-07-29T23:59:59Z']);
      expect(await page.inputValue('input[name=at]')).toBe('2026-07-29');
      expect(await listed()).toEqual(['#2 failure']);

      await page.click('a:text-is("Now")');
      await page.waitForURL((url) => !url.searchParams.has('at'));
      expect(await listed()).toEqual(['#3 failure', '#2 failure']);
    },
  );

  it.each([true, false])(
    'lead from a tier to all its failed deployments, with script: %s',
    async (javaScriptEnabled) => {
      const page = await openPage({ javaScriptEnabled, viewport: { width: 390, height: 844 } });
      await page.goto(`${await serve('failures every day')}?window=30d`);
      await page.click('summary:has-text("The latest 20 failed deployments")');
      const rest = page.locator('.behind details p');
      expect(await rest.innerText()).toBe(
        '58 failed deployments in the whole 30d, with causes and ends: 29 of acme/cart, 29 of acme/shop.',
      );
      await rest.locator('a:text-is("29 of acme/shop")').click();
      await page.waitForURL(/show=failed#pipelines/);
      expect(await page.locator('.story tbody tr').count()).toBe(29);
      expect(await page.locator('.story .bad:text-is("Failed")').count()).toBe(29);
    },
  );

  it('show names of workflows and steps whole, however long they are, also on a phone', async () => {
    const name = (letter: string) => letter.repeat(100);
    const exporter = await createSmallExporter({
      policy: aPolicy({ tiers: [{ tier: 'production', workflows: ['w*'] }] }),
    });
    const times = { started: noon - 190, finished: noon - 100 };
    const failed = { state: 'failure', exit_code: 1, ...times };
    await exporter.receive({
      repo: { id: 11, full_name: 'acme/shop', default_branch: 'main' },
      pipeline: {
        ...{ ...times, created: noon - 200, updated: noon - 100, id: 1, number: 1, event: 'push' },
        ...{ branch: 'main', commit: 'c1', message: name('m'), status: 'failure' },
        workflows: [
          { ...failed, pid: 1, name: name('w'), children: [{ ...failed, pid: 2, name: name('s') }] },
        ],
      },
    });
    const server = await listen(exporter.app(), { host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close(1000));
    const page = await openPage({ viewport: { width: 390, height: 844 } });
    for (const path of ['', 'explain?repo=acme/shop&tier=production']) {
      await page.goto(`http://127.0.0.1:${server.port}/${path}`);
      const place = page.locator(`code:text-is("${name('w')} / ${name('s')}")`);
      const box = await place.boundingBox();
      expect((box?.x ?? 390) + (box?.width ?? 0), path).toBeLessThanOrEqual(390);
    }
  });

  it('are used by keyboard: what is failing leads to its deployment in few steps', async () => {
    const page = await openPage();
    await page.goto(await serve('one failing'));
    const focused = () =>
      page.evaluate(
        "document.activeElement.textContent + ' ' + getComputedStyle(document.activeElement).outlineStyle",
      );
    const seen: unknown[] = [];
    for (let step = 0; step < 3; step++) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
    }
    expect(seen.at(-1)).toMatch(/^Why .* is failing solid$/);
    await page.keyboard.press('Enter');
    await page.waitForURL(/explain\?/);
    expect(new URL(page.url()).hash).toBe(`#p3-${noon - day}`);
  });

  it('show times in the zone of the reader, and UTC without script', async () => {
    const root = await serve('one failing');
    const since = async (options: Parameters<typeof openPage>[0]) => {
      const page = await openPage(options);
      await page.goto(root);
      return page.locator('.failing-list time').first().innerText();
    };
    expect(await since({ timezoneId: 'Asia/Tokyo' })).toBe('07-29 21:20');
    expect(await since({ timezoneId: 'Asia/Tokyo', javaScriptEnabled: false })).toBe('07-29 12:20');
  });

  it('bring the newest figures without losing the place', async () => {
    const exporter = await createSmallExporter({ policy });
    await states['500 repos']?.(exporter);
    const server = await listen(exporter.app(), { host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close(1000));
    const page = await openPage({ viewport: { width: 1400, height: 844 } });
    const complaints = listenTo(page);
    await page.clock.install();
    await page.goto(`http://127.0.0.1:${server.port}/`);
    expect(await page.locator('h1').innerText()).toContain('Failing: 10 in production');
    await page.click('summary:has-text("As tables")');
    const scroll = () => page.evaluate('scrollY');
    await page.evaluate('scrollTo(0, 900)');
    const before = await scroll();

    await exporter.receive({
      ...{ repo: 'acme/repo-0', number: 2, status: 'success', finished: noon - 60 },
      ...{ event: 'deployment', deploy_to: 'prod', commit: 'c2' },
    });
    await page.clock.runFor(16_000);
    await expect.poll(() => page.locator('h1').innerText()).toContain('Failing: 9 in production');
    expect([await scroll(), await page.locator('details[open]').count()]).toEqual([before, 1]);
    expect(complaints).toEqual([]);
  });

  it('say beside the pointer what a bar stands for', async () => {
    const page = await openPage();
    await page.goto(await serve('one failing'));
    await page.hover('svg.plot rect.failed >> nth=0');
    expect(await page.locator('.tip').innerText()).toBe(
      '29 Jul: 2 deployments, 1 failed (1 pipeline failed)',
    );
  });

  it('draw marks of causes and words beside each other, at any length of the window, also on a phone', async () => {
    const windows = [7, 30, 60, 90].map((days) => ({ name: `${days}d`, seconds: days * day }));
    const root = await serve('failures every day', windows);
    const page = await openPage({ viewport: { width: 390, height: 844 } });
    for (const [window, title, marks] of [
      ['7d', 'Deployments per day', 12],
      ['30d', 'Deployments per day', 58],
      ['60d', 'Deployments per day', 118],
      ['90d', 'Deployments per week', 28],
    ] as const) {
      await page.goto(`${root}?window=${window}`);
      expect(await page.locator('.tier figcaption').innerText()).toBe(title);
      expect.soft(await overlapsOf(page, 'marks'), `marks of ${window}`).toEqual([marks, []]);
      const [, overlapping] = await overlapsOf(page, 'words');
      expect.soft(overlapping, `words of ${window}`).toEqual([]);
    }
    for (const repo of ['shop', 'cart']) {
      await page.goto(`${root}explain?repo=acme/${repo}&tier=production&window=90d`);
      expect(await overlapsOf(page, 'marks'), repo).toEqual([89, []]);
    }
    await page.goto(`${root}?window=90d`);
    await page.hover('svg.plot rect.failed >> nth=-1');
    expect(await page.locator('.tip').innerText()).toBe(
      '27 Jul – 31 Jul, of which only a part is in the window: 8 deployments, 8 failed (4 pipeline failed, 4 incident)',
    );
  });

  it.each([1400, 390])(
    'give the words of the lead-time chart places of their own at %i px',
    async (width) => {
      const exporter = await createSmallExporter({ policy });
      // Medians on, just above and just below the labels of the scale, and one for each of many magnitudes.
      for (const [repo, leadTimes] of Object.entries({
        even: [21_600, 21_600, 21_600],
        near: [20_000, 21_000, 22_000, 90_000],
        wide: [1, 30, 600, 20_000, 4_000_000],
      })) {
        for (const [index, seconds] of leadTimes.entries()) {
          const finished = noon - (index + 1) * day;
          await exporter.receive({
            ...{ repo: `acme/${repo}`, number: index + 1, status: 'success', finished, event: 'deployment' },
            ...{ deploy_to: 'prod', commit: `c${index}`, commit_time: finished - seconds },
          });
        }
      }
      const server = await listen(exporter.app(), { host: '127.0.0.1', port: 0 });
      onTestFinished(() => server.close(1000));
      const page = await openPage({ viewport: { width, height: 844 } });
      for (const repo of ['even', 'near', 'wide']) {
        await page.goto(`http://127.0.0.1:${server.port}/explain?repo=acme/${repo}&tier=production`);
        const collisions = await page.evaluate(`(() => {
        const chart = [...document.querySelectorAll('figure.chart')].find((one) => one.textContent.includes('Lead time'));
        const boxOf = (one) => one.getBoundingClientRect();
        const doMeet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        const words = [...chart.querySelectorAll('svg text, li')];
        const drawn = [...chart.querySelectorAll('figcaption, .plot:not(.glyph) line, .plot circle')];
        return words.flatMap((one, index) => [...words.slice(index + 1), ...drawn]
          .filter((other) => doMeet(boxOf(one), boxOf(other)))
          .map((other) => one.textContent + ' meets ' + other.outerHTML));
      })()`);
        expect.soft(collisions, repo).toEqual([]);
      }
    },
  );
});
