import { describe, expect, it } from 'vitest';
import { ownScript, textOfPage } from '../support/page-text.ts';
import { aPolicy } from '../support/records.ts';
import {
  createSmallExporter,
  incidentSecret,
  knowSince,
  noon,
  type SmallExporter,
} from '../support/small-exporter.ts';

const day = 86_400;
const policy = aPolicy({
  tiers: [
    { tier: 'staging', deployTo: ['stage'] },
    { tier: 'production', deployTo: ['prod'] },
  ],
});

type Told = readonly [repo: string, daysAgo: number, status: string, deployTo?: string];

/** Deploys, in order; each has a commit of its own, made two hours before. */
async function createExporter(...told: readonly Told[]): Promise<SmallExporter> {
  const exporter = await createSmallExporter({ policy });
  await deploy(exporter, ...told);
  return exporter;
}

async function deploy(exporter: SmallExporter, ...told: readonly Told[]): Promise<void> {
  for (const [index, [repo, daysAgo, status, deployTo = 'prod']] of told.entries()) {
    const finished = noon - daysAgo * day;
    const event = { event: 'deployment', deploy_to: deployTo, commit: `c${index}` };
    await exporter.receive({
      ...{ repo, number: index + 1, status, finished, commit_time: finished - 7200 },
      ...event,
    });
  }
}

async function pageOf(exporter: SmallExporter, query = ''): Promise<string> {
  const response = await exporter.app().request(`/${query}`);
  expect(response.status).toBe(200);
  return response.text();
}

const textOf = async (exporter: SmallExporter, query = '') => textOfPage(await pageOf(exporter, query));

/** Repo and tier of each row of the table. */
const rowsOf = (page: string) =>
  [
    ...page.matchAll(
      /<th scope="row">(?:<span [^>]*>✕ <\/span>)?<a [^>]*>([^<]*)<\/a> <span [^>]*>([^<]*)</g,
    ),
  ].map(([, repo, tier]) => `${repo} ${tier}`);

describe('the overview', () => {
  it('shows the five figures of the middle window, of each tier and pair, and leads to where they come from', async () => {
    const exporter = await createSmallExporter({ policy });
    await knowSince(exporter, 100, 'acme/shop');
    await deploy(
      exporter,
      ['acme/shop', 40, 'success'],
      ['acme/shop', 20, 'failure'],
      ['acme/shop', 19, 'success'],
      ['acme/shop', 8, 'success'],
    );
    const text = await textOf(exporter);
    expect(text).toContain('production 1 repo over 30d. All of that time is known.');
    expect(text).toContain('Change lead time 2 h median of 2, p95 2 h → as before 2 h in the 30d before');
    expect(text).toContain(
      'Change fail rate 33.3 % 1 of 3 failed ↑ 33.3 points, worse 0 % in the 30d before',
    );
    expect(text).toContain('Recovery time 24 h median of 1, p95 24 h nothing to compare with');
    expect(text).toContain('Rework rate 0 % 0 of 3 unplanned');
    expect(text).toContain('acme/shop production 3 · 3 a month 4 2 h 8 33.3 % 6.7 24 h 6 0 % 10 8 d ago');
    expect(await pageOf(exporter)).toContain(
      '<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=30d">acme/shop</a>',
    );
  });

  it('shows no score where nothing is known for certain, and says of how many figures the mean is', async () => {
    const exporter = await createSmallExporter({ policy });
    await knowSince(exporter, 100, 'acme/shop');
    await knowSince(exporter, 3, 'acme/cart');
    await deploy(
      exporter,
      ['acme/shop', 2, 'failure'],
      ['acme/shop', 1, 'success'],
      ['acme/cart', 1, 'success'],
      ['acme/new', 1, 'failure', 'stage'],
    );
    const page = await pageOf(exporter, '?window=7d');
    const text = textOfPage(page);
    // Lead time 8, recovery 6, fail rate 6.7, rework 10; the frequency is of a window known in part.
    expect(text).toContain(
      'production 2 repos over 7d. Only 71.4 % of that time is known: the figures are of that part. ' +
        'Quick Check 7.7 mean of 4 of 5 figures Deployment frequency',
    );
    expect(text).toContain(
      'staging 1 repo over 7d. Nothing of that time is known for certain: ' +
        'the figures are of what was reported, and have no score. Deployment frequency 1',
    );
    const staging = page.slice(page.indexOf('>staging</h2>'), page.indexOf('id="repos"'));
    expect(staging).toContain('100 %');
    expect(staging).not.toContain('class="score');
    expect(text).toContain('acme/new staging failing for 24 h 1 – 100 % – 0 % 24 h ago');
    // What has no deployment has no rate, and no score.
    expect(await textOf(exporter, '?window=7d&repo=cart')).toContain(
      'acme/cart production 1 2 h 8 0 % 10 – 0 % 10',
    );
  });

  it('says first what is failing: where, since when, by which deployment, and leads to the reason', async () => {
    const exporter = await createExporter(
      ['acme/shop', 3, 'success'],
      ['acme/shop', 2, 'failure'],
      ['acme/shop', 1, 'failure'],
      ['acme/cart', 1, 'success'],
    );
    const page = await pageOf(exporter);
    expect(textOfPage(page)).toContain(
      '✕ Failing: 1 in production acme/shop production for 2 d , since the deployment of 07-29 12:20 , last #3 c2 : pipeline failed . Why',
    );
    expect(page).toContain(
      `<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=30d#p3-${noon - day}">Why`,
    );
    expect(page).toContain('<title>DORA: 1 failing</title>');
    expect(rowsOf(page)).toEqual(['acme/shop production', 'acme/cart production']);
  });

  it('says of the chosen tier alone what is failing, and how much is failing elsewhere', async () => {
    const exporter = await createExporter(
      ['acme/shop', 3, 'failure'],
      ['acme/cart', 2, 'failure', 'stage'],
      ['acme/site', 2, 'failure', 'stage'],
    );
    const report = (id: string, tier: string) =>
      exporter.app().request('/incidents', {
        method: 'POST',
        headers: { authorization: `Bearer ${incidentSecret}` },
        body: JSON.stringify({ id, repo: 'acme/shop', tier, started: noon - 7200, title: id }),
      });
    await report('of-production', 'production');
    await report('of-staging', 'staging');
    const bannerOf = async (query: string) => {
      const page = await pageOf(exporter, query);
      const text = textOfPage(page);
      return [
        /<title>(.*?)<\/title>/.exec(page)?.[1],
        text.slice(text.search(/[✓✕]/), text.indexOf(' Window')),
      ];
    };
    const [title, banner = ''] = await bannerOf('?tier=production');
    expect(title).toBe('DORA: 1 failing');
    expect(banner).toContain('Failing: 1 in production acme/shop');
    expect(banner).toContain('1 open incident “of-production”');
    expect(banner).not.toMatch(/acme\/cart|of-staging/);
    expect(banner).toMatch(/In other tiers: 2 failing, 1 open incident. All tiers$/);
    const [, all = ''] = await bannerOf('');
    expect(all).toContain('Failing: 1 in production, 2 in staging');
    expect(all).not.toContain('other tiers');

    for (const repo of ['acme/cart', 'acme/site']) {
      const told = { event: 'deployment', deploy_to: 'stage', status: 'success', finished: noon - 60 };
      await exporter.receive({ repo, number: 9, ...told });
    }
    expect(await bannerOf('?tier=staging')).toEqual([
      'DORA',
      expect.stringMatching(
        /^✓ Nothing is failing in staging 1 open .* In other tiers: 1 failing, 1 open incident/,
      ),
    ]);
  });

  it('compares with the window before only if all of that is known, and says so if it is not', async () => {
    const exporter = await createSmallExporter({ policy });
    await knowSince(exporter, 10, 'acme/shop');
    await deploy(exporter, ['acme/shop', 9, 'success'], ['acme/shop', 3, 'success']);
    const text = await textOf(exporter, '?window=7d');
    expect(text).toContain('production 1 repo over 7d. All of that time is known.');
    expect(text).toContain(
      'Change lead time 2 h median of 1, p95 2 h not compared: of the 7d before, only 42.6 % is known',
    );
    expect(text).not.toMatch(/better|worse|as before/);
    expect(await textOf(exporter, '?window=30d')).not.toMatch(/better|worse|as before/);
  });

  it('names the step in which the last deployment failed', async () => {
    const exporter = await createSmallExporter({
      policy: aPolicy({ tiers: [{ tier: 'production', workflows: ['deploy'] }] }),
    });
    const times = { started: noon - 190, finished: noon - 100 };
    const part = { state: 'failure', exit_code: 1, ...times };
    await exporter.receive({
      repo: { id: 11, full_name: 'acme/shop', default_branch: 'main' },
      pipeline: {
        ...{ ...times, created: noon - 200, updated: noon - 100, id: 1, number: 1, event: 'push' },
        ...{ branch: 'main', commit: 'c1', status: 'failure' },
        workflows: [
          { pid: 1, name: 'lint', ...part, finished: noon - 150, children: [] },
          {
            ...{ pid: 2, name: 'deploy', ...part },
            children: [
              { pid: 3, name: 'build', ...times, state: 'success', finished: noon - 180 },
              { pid: 4, name: '<migrate>', ...part },
            ],
          },
        ],
      },
    });
    expect(await textOf(exporter)).toContain('last #1 c1 : failed in deploy / &lt;migrate&gt; . Why');
    const explained = await exporter.app().request('/explain?repo=acme/shop&tier=production');
    expect(textOfPage(await explained.text())).toContain('Failed in deploy / &lt;migrate&gt; .');
  });

  it('draws windows that are known in part as such in the trend', async () => {
    const exporter = await createSmallExporter({ policy });
    await knowSince(exporter, 10, 'acme/shop');
    await deploy(exporter, ['acme/shop', 9, 'success'], ['acme/shop', 3, 'failure']);
    const page = await pageOf(exporter, '?window=7d');
    expect(page).toContain('class="then part"');
    expect(page).toContain('<title>24 Jul: 0 %, of a window known to 42.6 %</title>');
    expect(page).toMatch(/<circle class="now"[^>]*><title>31 Jul: 100 %<\/title>/);
  });

  it('does not say that there is nothing to compare with while the trend is being computed', async () => {
    const exporter = await createExporter(['acme/shop', 3, 'success']);
    const { api, ...others } = exporter.dependencies();
    const overview: typeof api.overview = async (request) => {
      const shown = await api.overview(request);
      return { ...shown, tiers: shown.tiers.map((tier) => ({ ...tier, history: null })) };
    };
    const app = exporter.app({ ...others, api: { ...api, overview } });
    const text = textOfPage(await (await app.request('/')).text());
    expect(text).toContain('0 of 1 failed not compared yet');
    expect(text).not.toContain('nothing to compare');
    expect(text).toContain('The trend is being computed: load the page again later.');
  });

  it('leads from an incident to the deployments of its repo', async () => {
    const exporter = await createExporter(['acme/shop', 3, 'success']);
    for (const [id, repo] of [
      ['INC-1', 'acme/shop'],
      ['INC-2', 'acme/unknown'],
    ]) {
      await exporter.app().request('/incidents', {
        method: 'POST',
        headers: { authorization: `Bearer ${incidentSecret}` },
        body: JSON.stringify({ id, repo, tier: 'production', started: noon - 7200 }),
      });
    }
    const page = await pageOf(exporter, '?window=7d');
    const link = '<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=7d">';
    expect(page).toContain(`“INC-1”: ${link}<strong>acme/shop</strong></a> production, open for 2 h`);
    expect(page).toContain('“INC-2”: <strong>acme/unknown</strong> production');
  });

  it('counts one deployment in the singular, even if no rate of it is known', async () => {
    expect(await textOf(await createExporter(['acme/shop', 1, 'success']))).toContain(
      'Deployment frequency 1 deployment, known for less than a day',
    );
  });

  it('says that nothing is failing', async () => {
    const page = await pageOf(await createExporter(['acme/shop', 3, 'success']));
    expect(textOfPage(page)).toContain('✓ Nothing is failing Window');
    expect(page).toContain('<title>DORA</title>');
  });

  it('shows open incidents with their links', async () => {
    const exporter = await createExporter(['acme/shop', 3, 'success']);
    await exporter.app().request('/incidents', {
      method: 'POST',
      headers: { authorization: `Bearer ${incidentSecret}` },
      body: JSON.stringify({
        ...{ id: 'INC-1', repo: 'acme/shop', tier: 'production', started: noon - 7200 },
        ...{ title: 'Checkout <fails>', url: 'https://pager.example.com/1' },
      }),
    });
    const page = await pageOf(exporter);
    expect(textOfPage(page)).toContain(
      '1 open incident “Checkout &lt;fails&gt;” : acme/shop production, open for 2 h',
    );
    expect(page).toContain('<a href="https://pager.example.com/1">“Checkout &lt;fails&gt;”</a>');
  });

  it('shows the incidents that were open at a moment of the past, without hindsight', async () => {
    const exporter = await createExporter(
      ['acme/shop', 9, 'success'],
      ['acme/cart', 8, 'success'],
      ['acme/shop', 6, 'success'],
    );
    const report = async (id: string, from: number, to: number | null, more: object = {}) => {
      const times = { started: noon - from * day, resolved: to === null ? null : noon - to * day };
      const response = await exporter.app().request('/incidents', {
        method: 'POST',
        headers: { authorization: `Bearer ${incidentSecret}` },
        body: JSON.stringify({ id, repo: 'acme/shop', tier: 'production', title: id, ...times, ...more }),
      });
      expect(response.status).toBe(202);
    };
    await report('resolved', 5.55, 3);
    await report('open', 4.05, null, { repo: 'acme/cart' });
    await report('withdrawn', 5, null, { dismissed: true });
    const bannerAt = async (at: string) => {
      const text = await textOf(exporter, `?at=${at}`);
      return text.slice(text.search(/[✓✕]/), text.indexOf(' Window'));
    };
    expect(await bannerAt('6d')).toBe('✓ Nothing was failing on 2026-07-25 12:20 UTC');
    expect(await bannerAt('5d')).toContain('1 open incident “resolved”: acme/shop production, open for 13 h');
    expect(await bannerAt('84h')).toContain(
      '2 open incidents “open”: acme/cart production, open for 13 h, since 07-27 11:08 “resolved”: acme/shop production, open for 2 d, since 07-25 23:08',
    );
    expect(await bannerAt('2d')).toContain('1 open incident “open”: acme/cart production, open for 2 d');
    expect(await bannerAt('')).toContain('1 open incident “open”: acme/cart production, open for 4 d');
    const response = await exporter.app().request('/explain?repo=acme/shop&tier=production&window=7d&at=5d');
    const page = await response.text();
    expect(page).toContain('<title>Incident since 2026-07-25 23:08, still open</title>');
  });

  it('says of a tier that had nothing yet that it had nothing yet', async () => {
    const exporter = await createExporter(['acme/shop', 9, 'success'], ['acme/shop', 2, 'success', 'stage']);
    const text = await textOf(exporter, '?tier=staging&at=5d');
    expect(text).toContain('staging 0 repos over 30d. No deployment in any window.');
    expect(text).toContain('None had a deployment yet.');
    expect((await exporter.app().request('/?tier=qa&at=5d')).status).toBe(404);
  });

  it('means the end of a day that is over, and says so if nothing was known yet', async () => {
    const exporter = await createExporter(['acme/shop', 3, 'failure']);
    const textOf = async (at: string) => (await exporter.app().request(`/?at=${at}`)).text();
    expect(await textOf('2026-07-01')).toContain('Nothing was known yet on');
    // Today is not over: as of now.
    expect(await textOf('2026-07-31')).toContain('Failing');
  });

  it('shows another window, tier, part of the names and order, each as its address says', async () => {
    const exporter = await createExporter(
      ['acme/shop', 3, 'success'],
      ['acme/shop', 2, 'success'],
      ['acme/cart', 2, 'failure'],
      ['acme/cart', 1, 'success'],
      ['acme/cart', 1, 'success', 'stage'],
      ['other/site', 9, 'success'],
    );
    expect(rowsOf(await pageOf(exporter))).toEqual([
      'acme/cart production',
      'acme/cart staging',
      'acme/shop production',
      'other/site production',
    ]);
    expect(rowsOf(await pageOf(exporter, '?repo=CART&tier=production'))).toEqual(['acme/cart production']);
    expect(rowsOf(await pageOf(exporter, '?sort=-repo&tier=production'))).toEqual([
      'other/site production',
      'acme/shop production',
      'acme/cart production',
    ]);
    expect(rowsOf(await pageOf(exporter, '?sort=fail_rate&tier=production')).at(0)).toBe(
      'acme/cart production',
    );
    expect(await textOf(exporter, '?window=7d&tier=staging')).toContain('staging 1 repo over 7d.');
    expect(await textOf(exporter, '?tier=staging')).not.toContain('production 3 repos');
    expect(await textOf(exporter, '?repo=x&tier=')).toContain('No repo matches “x”. Show all');
  });

  it('keeps all of the view in every link and form', async () => {
    const exporter = await createExporter(['acme/shop', 3, 'success'], ['acme/shop', 2, 'success', 'stage']);
    const page = await pageOf(exporter, '?window=7d&tier=staging&repo=shop&sort=-rework&at=1d');
    // A day before noon, to the minute.
    const at = '2026-07-30T12:20:00Z';
    const links = [...page.matchAll(/href="\.\/\?([^"]*)"/g)].map(([, query]) =>
      Object.fromEntries(new URLSearchParams(query?.replaceAll('&amp;', '&'))),
    );
    const whole = { window: '7d', tier: 'staging', repo: 'shop', sort: '-rework', at };
    expect(links).toContainEqual({ ...whole, window: '30d' });
    expect(links).toContainEqual({ ...whole, tier: 'production' });
    expect(links).toContainEqual({ ...whole, sort: 'rework' });
    const { at: _, ...now } = whole;
    expect(links).toContainEqual(now);
    const hidden = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)].map(
      ([, name, value]) => `${name}=${value}`,
    );
    expect(hidden).toEqual([
      ...['window=7d', 'tier=staging', 'repo=shop', 'sort=-rework'],
      ...['window=7d', 'tier=staging', 'sort=-rework', `at=${at}`],
    ]);
  });

  it('shows the past as it was seen then', async () => {
    const exporter = await createExporter(
      ['acme/shop', 5, 'success'],
      ['acme/shop', 4, 'failure'],
      ['acme/shop', 1, 'success'],
    );
    const text = await textOf(exporter, '?window=7d&at=2026-07-28T12:21:00Z');
    expect(text).toContain(
      '✕ Was failing: 1 in production on 2026-07-28 12:21 UTC acme/shop production for 24 h',
    );
    expect(text).toContain('Change fail rate 50 % 1 of 2 failed');
    expect(text).toContain('acme/shop production failing for 24 h');
    expect(await pageOf(exporter, '?at=3d')).not.toContain('data-live');
    expect(await textOf(exporter)).toContain('✓ Nothing is failing');
  });

  it('counts as many deployments in its bars as the window holds', async () => {
    const exporter = await createExporter(
      ...[29.9, 29.9, 20, 3, 3, 0.1].map((daysAgo): Told => ['acme/shop', daysAgo, 'success']),
      ['acme/shop', 30.1, 'success'],
      ['acme/shop', 2, 'failure'],
    );
    const text = await textOf(exporter);
    expect(text).toContain('1 of 7 failed');
    expect(text).toContain(
      'From Succeeded Failed pipeline failed 31 Jul 1 0 0 29 Jul 0 1 1 28 Jul 2 0 0 11 Jul 1 0 0 1 Jul 2 0 0 The figures',
    );
  });

  it('counts per week in a window longer than two months, and says which days each week has in it', async () => {
    const exporter = await createExporter(
      ...[89.9, 12, 11, 4.6, 4.4, 0.1].map((daysAgo): Told => ['acme/shop', daysAgo, 'success']),
      ['acme/shop', 5, 'failure'],
      ['acme/shop', 90, 'success'],
    );
    const page = await pageOf(exporter, '?window=90d');
    expect(textOfPage(page)).toContain(
      [
        'Days Succeeded Failed pipeline failed',
        '27 Jul – 31 Jul 2 0 0 20 Jul – 26 Jul 2 1 1 13 Jul – 19 Jul 1 0 0 2 May – 3 May 1 0 0 The figures',
      ].join(' '),
    );
    expect(page).toContain('<figcaption>Deployments per week</figcaption>');
    expect(page).toContain('<g><title>20 Jul – 26 Jul: 3 deployments, 1 failed (1 pipeline failed)</title>');
    for (const part of ['2 May – 3 May', '27 Jul – 31 Jul'])
      expect(page).toContain(`<g class="part"><title>${part}, of which only a part is in the window: `);
    expect(page.split('class="part"').length - 1).toBe(2);
    expect(textOfPage(page)).toContain('Faded: only a part of the week is in the window.');
    expect(await pageOf(exporter, '?window=30d')).toContain('<figcaption>Deployments per day</figcaption>');
  });

  it('tells the days apart of which the window has only a part', async () => {
    const days = (...all: readonly number[]) =>
      createExporter(...all.map((ago): Told => ['acme/shop', ago, 'success']));
    const page = await pageOf(await days(6.9, 3, 0.1), '?window=7d');
    const tips = [...page.matchAll(/<g( class="part")?><title>([^:]*)/g)].map(([, part, words]) => [
      !!part,
      words,
    ]);
    expect(tips).toEqual([
      [true, '24 Jul, of which only a part is in the window'],
      [false, '28 Jul'],
      [true, '31 Jul, of which only a part is in the window'],
    ]);
    expect(await textOf(await days(3), '?window=7d')).not.toContain('Faded');
  });

  it('counts per hour in a window of a day, and names the hours briefly', async () => {
    const exporter = await createSmallExporter({
      policy: { ...policy, windows: [{ name: '1d', seconds: day }] },
    });
    await deploy(exporter, ['acme/shop', 0.5, 'success']);
    const page = await pageOf(exporter);
    expect(page).toContain('<figcaption>Deployments per hour</figcaption>');
    expect(page).toContain('<title>31 Jul 00:00: 1 deployment, 0 failed</title>');
    const axis = page.slice(page.indexOf('class="axis"'), page.indexOf('<title>31 Jul 00:00'));
    expect([...axis.matchAll(/text-anchor="\w+">([^<]*)</g)].map(([, words]) => words)).toEqual([
      ...['12:00', '18:00', '31 Jul', '06:00', '12:00'],
    ]);
  });

  it('ends the latest failed deployments with how many there are, and leads to all of them, repo by repo', async () => {
    const exporter = await createExporter(
      ...Array.from({ length: 23 }, (_, index): Told => ['acme/shop', 20 - index / 2, 'failure']),
      ...Array.from({ length: 3 }, (_, index): Told => ['acme/cart', 3 - index, 'failure']),
      ['acme/shop', 40, 'failure'],
      ['acme/blog', 2, 'success'],
      ['acme/site', 2, 'failure', 'stage'],
    );
    const page = await pageOf(exporter, '?tier=production&at=36h');
    const text = textOfPage(page);
    expect(text).toContain('The latest 20 failed deployments When');
    expect(text).toContain(
      '25 failed deployments in the whole 30d, with causes and ends: 23 of acme/shop , 2 of acme/cart .',
    );
    const link = (repo: string) =>
      `<a href="explain?repo=acme%2F${repo}&amp;tier=production&amp;window=30d&amp;show=failed&amp;at=2026-07-30T00%3A20%3A00Z#pipelines">`;
    expect(page).toContain(`${link('shop')}23 of acme/shop</a>, ${link('cart')}2 of acme/cart</a>.`);
    expect(await textOf(exporter, '?tier=staging')).toContain(
      'The latest 1 failed deployment When Repo Pipeline Why 2026-07-29 12:20 acme/site #29 pipeline failed ' +
        '1 failed deployment in the whole 30d, with causes and ends: 1 of acme/site .',
    );
  });

  it('leads to the table if more repos have failed deployments than it lists', async () => {
    const exporter = await createExporter(
      ...Array.from({ length: 12 }, (_, index): Told => [`acme/r${index + 10}`, 2, 'failure']),
    );
    const page = await pageOf(exporter, '?window=7d&repo=r1');
    expect(textOfPage(page)).toContain('1 of acme/r19 , and more of 2 other repos .');
    expect(page).toContain(
      '<a href="./?window=7d&amp;tier=production&amp;sort=fail_rate#repos">2 other repos</a>',
    );
  });

  it('shows no more rows than one can read, and says how many there are', async () => {
    const exporter = await createExporter(
      ...Array.from(
        { length: 502 },
        (_, index): Told => [`acme/r${String(index).padStart(3, '0')}`, 1, 'success'],
      ),
    );
    const page = await pageOf(exporter);
    expect(rowsOf(page).length).toBe(500);
    expect(textOfPage(page)).toContain('The first 500 of 502 pairs of repo and tier, over 30d.');
    expect(rowsOf(await pageOf(exporter, '?repo=r501'))).toEqual(['acme/r501 production']);
  });

  it('says what to do first while nothing is known', async () => {
    expect(await textOf(await createSmallExporter())).toContain('Overview Nothing is known yet');
  });

  it('writes whatever comes from outside as text', async () => {
    const exporter = await createExporter(['acme/<script>alert(1)</script>', 1, 'failure']);
    const page = await pageOf(exporter, `?repo=${encodeURIComponent('<script>"')}`);
    expect(page.replace(ownScript, '')).not.toMatch(/<script|\sstyle=|\son\w+=/i);
    expect(page).toContain('&lt;script&gt;&quot;');
  });

  it.each([
    ['?window=1y', 422],
    ['?sort=size', 422],
    ['?at=2999-01-01', 422],
    ['?page=2', 422],
    ['?tier=qa', 404],
  ])('refuses %s with %i', async (query, status) => {
    const exporter = await createExporter(['acme/shop', 3, 'success']);
    expect((await exporter.app().request(`/${query}`)).status).toBe(status);
  });
});
