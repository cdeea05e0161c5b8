import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/ingest/ingest.ts';
import { pageHeaders } from '../../src/pages/page.ts';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

async function createApp(options: { metricsToken?: string; repo?: string } = {}) {
  const exporter = await createSmallExporter({ policy, ...options });
  const told = { event: 'deployment', deploy_to: 'production', status: 'success', finished: noon - 60 };
  await exporter.receive({ repo: options.repo ?? 'acme/shop', number: 1, ...told });
  return exporter.app();
}

type App = Awaited<ReturnType<typeof createApp>>;

const ask = (app: App, path: string, accept: string | null = browser) =>
  app.request(path, { headers: accept === null ? {} : { accept } });

/** Text of a page without its style and tags, white space made one; its own headers, status and links besides. */
async function read(response: Response) {
  const page = await response.text();
  const text = page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  expect(page).toMatch(/^<!doctype html>/);
  for (const [name, value] of Object.entries(pageHeaders)) expect(response.headers.get(name)).toBe(value);
  return {
    status: response.status,
    text,
    links: [...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href),
  };
}

describe('a problem in a browser', () => {
  it.each([
    ['/explain', 422, 'Unprocessable Entity 422 Query is not as expected repo Missing tier Missing'],
    [
      '/explain?repo=acme/shop&tier=production&window=31d',
      422,
      'Query is not as expected window Expected one of 7d, 30d, 90d',
    ],
    [
      '/explain?repo=acme/cart&tier=production',
      404,
      'Not Found 404 No such repo repo Expected one of acme/shop',
    ],
    ['/explain?repo=acme/shop&tier=prod', 404, 'Not Found 404 No such tier tier Expected one of production'],
    ['/nothing', 404, 'Not Found 404 There is nothing at this address.'],
  ])('is a page for %s, with %i', async (path, status, words) => {
    const page = await read(await ask(await createApp(), path));
    expect(page.status).toBe(status);
    expect(page.text).toContain(words);
    expect(page.links).toEqual(['./', './operations']);
  });

  it('leads to the other pages from any depth, whatever path a proxy serves it below', async () => {
    const app = await createApp();
    for (const [path, link] of [
      ['/nothing', './'],
      ['/nothing/', '../'],
      ['/explain/acme/shop', '../../'],
      ['//nothing', '../'],
    ]) {
      const { links } = await read(await ask(app, `http://localhost${path}`));
      expect(links).toEqual([link, `${link}operations`]);
    }
  });

  it.each(['/', '/explain', '/operations'])('at %s asks for the password all the same', async (path) => {
    const response = await ask(await createApp({ metricsToken: 'reader' }), path);
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="woodpecker-dora-exporter"');
    const page = await read(response);
    expect([page.status, page.text]).toEqual([401, expect.stringContaining('the metrics token as password')]);
  });

  it('tells of methods that are not for it, and of a store that cannot be read now', async () => {
    const app = await createApp();
    const posted = await app.request('/explain', { method: 'POST', headers: { accept: browser } });
    expect(posted.headers.get('allow')).toBe('GET, HEAD');
    expect((await read(posted)).status).toBe(405);

    const exporter = await createSmallExporter({ policy });
    const nowSeconds = () => noon;
    const fail = async () => {
      throw new StoreUnavailable('Disk is full');
    };
    const projection = { prepared: async () => ({ series: [], tiers: [] }) };
    const broken = exporter.app({
      api: {
        projection,
        explain: fail,
        history: fail,
        overview: fail,
        pastFigures: fail,
        listIncidents: fail,
        policy,
        nowSeconds,
        stateVersion: () => 0,
      },
    });
    const response = await ask(broken, '/explain?repo=acme/shop&tier=production');
    expect(response.headers.get('retry-after')).toBe('5');
    const { status, text } = await read(response);
    expect([status, text]).toEqual([503, expect.stringContaining('The store cannot be written now')]);
    expect(text).not.toContain('Disk');
  });

  it('writes whatever comes from outside as text', async () => {
    const app = await createApp({ repo: 'acme/<script>"x"' });
    const page = await (await ask(app, '/explain?repo=<img>&tier=<b>&<i>=1')).text();
    expect(page).not.toMatch(/<(img|b|i|script)>/);
    expect(page).toContain('&lt;i&gt;');
    const unknown = await (await ask(app, '/explain?repo=<img>&tier=<b>')).text();
    expect(unknown).not.toMatch(/<(img|b|i|script)>/);
    expect(unknown).toContain('&lt;script&gt;');
  });

  it('leaves alone what is no problem', async () => {
    const response = await ask(await createApp(), '/explain?repo=acme/shop&tier=production');
    expect((await read(response)).text).toContain('Deployment frequency 1 in 7d');
  });
});

describe('a problem elsewhere', () => {
  it.each([
    null,
    '*/*',
    'application/json',
    'application/json, text/html',
    'text/html, application/problem+json;q=0.5',
    'text/html;q=0, */*',
    'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3',
  ])('is JSON for a client that accepts %s', async (accept) => {
    const app = await createApp();
    for (const path of ['/explain', '/explain?repo=x&tier=y', '/nothing']) {
      const response = await ask(app, path, accept);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ status: response.status });
    }
  });

  it('is JSON for all clients where JSON is what is served, and where there is no page to lead to', async () => {
    const app = await createApp();
    const intake = (await createSmallExporter()).app({}, 'intake');
    for (const response of [
      await ask(app, '/api/explain'),
      await ask(app, '/api/dora'),
      await ask(app, '/backfill'),
      await ask(intake, '/nothing'),
    ]) {
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  });
});
