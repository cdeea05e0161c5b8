import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderOperationsPage } from '../../src/pages/operations-page.ts';
import { pageHeaders } from '../../src/pages/page.ts';
import type { Status } from '../../src/pages/status.ts';
import { ownScript, textOfPage } from '../support/page-text.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';
import { aStatus, aWoodpecker } from '../support/status.ts';

const textOf = async (status: Status) => textOfPage(await renderOperationsPage(status));

describe('the operations page', () => {
  it('is rendered once for all who ask for it in one turn', async () => {
    let renderings = 0;
    const status = async () => aStatus({ version: `1.0.${++renderings}` });
    const app = (await createSmallExporter()).app({ status });
    const ask = async () => (await app.request('/operations')).text();
    const pages = await Promise.all([ask(), ask(), ask()]);
    expect([new Set(pages).size, renderings]).toEqual([1, 1]);
    expect(await ask()).not.toBe(pages[0]);
  });

  it('says that another policy is being adopted, and how far that is', async () => {
    const text = await textOf(aStatus({ adoption: { done: 12, of: 200 } }));
    expect(text).toContain('Another policy is being adopted: 12 of 200 repos done.');
    expect(await textOf(aStatus())).not.toContain('being adopted');
  });

  it('tells whether it is ready, or why not', async () => {
    expect(await textOf(aStatus())).toContain('Ready , running for 3 d.');
    const notReady = 'Catching up with Woodpecker: 3 repos gone through so far';
    expect(await textOf(aStatus({ notReady }))).toContain(`Not ready: ${notReady}`);
  });

  it('tells of Woodpecker whether it answers', async () => {
    const textWhere = (isUp: boolean | null) =>
      textOf(aStatus({ woodpecker: { ...aWoodpecker, isUp }, following: 4, pairs: 1 }));
    expect(await textWhere(null)).toContain('Woodpecker https://ci.example.com/ci was not asked yet');
    expect(await textWhere(true)).toContain('Woodpecker https://ci.example.com/ci answers');
    expect(await textWhere(false)).toContain('https://ci.example.com/ci gives no usable answer');
    expect(await textOf(aStatus())).toContain('None: webhooks are the only source');
  });

  it('tells of the stream, of what waits, of the last reconciliation and what was missed', async () => {
    const text = await textOf(
      aStatus({
        woodpecker: { ...aWoodpecker, isStreaming: true, backlog: 3, reconciledAt: noon - 240, missed: 17 },
        following: 4,
      }),
    );
    expect(text).toContain('Event stream connected Last reconciliation 4 min ago');
    expect(text).toContain('Missed by webhook and stream 17 ends found since the start');
    expect(text).toContain('Waiting for a sync 3 repos Polled until their end 4 pipelines');
    const one = await textOf(aStatus({ woodpecker: { ...aWoodpecker, backlog: 1 }, following: 1 }));
    expect(one).toContain('Waiting for a sync 1 repo Polled until their end 1 pipeline');
    const before = await textOf(aStatus({ woodpecker: { ...aWoodpecker, isStreaming: false } }));
    expect(before).toContain('Event stream not connected Last reconciliation never');
  });

  it('says what the forge is still to be looked up, and which repos it does not show', async () => {
    const url = 'https://git.example.com';
    const trouble = 'Forgejo shows no repo acme/shop: it is gone, or DORA_FORGE_TOKEN may not read it';
    const text = await textOf(aStatus({ forge: { url, pending: 3, troubles: [trouble] } }));
    expect(text).toContain('Forge https://git.example.com , 3 deployments still to be looked up');
    expect(text).toContain(trouble);
    expect(await textOf(aStatus())).not.toContain('Forge');
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
    expect(text).toContain('pull_request a pull request 31');
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
    expect(text).toContain('75 % of the deployments of production are cron runs');
    expect(text).toContain('deployments: {events: [push, tag, release, deployment, manual]}');
    const even = [{ tier: 'production', event: 'cron', deployments: 1 }, ...events.slice(1)];
    expect(await textOf(aStatus({ events: even }))).not.toContain('are cron runs');
  });

  it('says so where there is nothing yet', async () => {
    const text = await textOf(aStatus());
    expect(text).toContain('Deployments by event None known yet.');
    expect(text).toContain('Every stored pipeline counts.');
  });

  it('writes whatever comes from outside as text', async () => {
    const evil = `<script>alert(1)</script><img src=x onerror="alert(2)">'"&`;
    const page = await renderOperationsPage(
      aStatus({
        version: evil,
        notReady: evil,
        woodpecker: { ...aWoodpecker, url: evil, troubles: [evil] },
        sources: [{ source: evil, lastAt: null, results: [{ result: evil, count: 1 }] }],
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
    expect(page.replace(ownScript, '')).not.toMatch(/<script|<img/i);
    expect(
      page.split('&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&quot;alert(2)&quot;&gt;')
        .length - 1,
    ).toBe(13);
    expect(page.split('&#39;&quot;&amp;').length - 1).toBe(13);
  });

  it('is allowed its own style and script by its headers, and nothing else', async () => {
    const page = await renderOperationsPage(aStatus());
    const styles = [...page.matchAll(/<style>(.*?)<\/style>/gs)];
    expect(styles.length).toBe(1);
    const hash = createHash('sha256')
      .update(styles[0]?.[1] ?? '')
      .digest('base64');
    expect(pageHeaders['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
    );
    expect(page.match(ownScript)).not.toBe(null);
    expect(page.replace(ownScript, '')).not.toMatch(
      /<(script|link|img|iframe|object|form)|\son\w+=|\sstyle=|javascript:/i,
    );
  });

  it('is sent with those headers', async () => {
    const exporter = await createSmallExporter();
    const response = await exporter.app().request('/operations');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });
});

describe('the words of first use', () => {
  const up = { ...aWoodpecker, isUp: true };

  it.each<[string, Partial<Status>, string]>([
    ['only webhooks are received', {}, 'Nothing is known yet No DORA_WOODPECKER_URL is set'],
    [
      'Woodpecker does not answer',
      { woodpecker: { ...aWoodpecker, isUp: false } },
      'Nothing is known yet Woodpecker at https://ci.example.com/ci gives no usable answer. Check that DORA_WOODPECKER_URL',
    ],
    [
      'the token shows no repo',
      { woodpecker: up },
      'Woodpecker shows no repo to this token Activate a repo in Woodpecker',
    ],
    [
      'the history is being read',
      { woodpecker: up, repos: 3, notReady: 'Catching up' },
      'No deployment is known yet The history of 3 repos is being read.',
    ],
    [
      'nothing counts',
      { woodpecker: up, repos: 1, ignored: [{ reason: 'branch', pipelines: 7 }] },
      'No deployment is known yet 1 repo is known, but no pipeline of them counts as a deployment. 7 pipelines: the policy does not count its branch ( branch )',
    ],
  ])('say what to do next if %s', async (_, overrides, words) => {
    expect(await textOf(aStatus(overrides))).toContain(words);
  });

  it('are gone once a deployment is known', async () => {
    expect(await textOf(aStatus({ repos: 1, pairs: 1 }))).not.toContain('known yet No');
  });
});
