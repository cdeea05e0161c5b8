import { describe, expect, it } from 'vitest';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

const day = 86_400;
const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['prod'] }] });

interface Answer {
  readonly repo: string | null;
  readonly points: readonly {
    readonly end: string;
    readonly figures: { readonly deployments: number; readonly change_fail_rate: number | null } | null;
  }[];
}

/** Deploys, each as a repo, the days since, and a status. */
async function createApp(...told: readonly (readonly [repo: string, daysAgo: number, status: string])[]) {
  const exporter = await createSmallExporter({ policy });
  for (const [index, [repo, daysAgo, status]] of told.entries()) {
    const finished = noon - daysAgo * day;
    const event = { event: 'deployment', deploy_to: 'prod', commit: `c${index}`, commit_time: finished - 60 };
    await exporter.receive({ repo, number: index + 1, status, finished, ...event });
  }
  const app = exporter.app();
  const ask = async (query: string) => (await (await app.request(`/api/history?${query}`)).json()) as Answer;
  return { exporter, app, ask };
}

const deploymentsOf = ({ points }: Answer) => points.map(({ figures }) => figures?.deployments ?? null);

describe('GET /api/history', () => {
  it('answers with twelve windows end to end, the last of which ends now', async () => {
    const { app, ask } = await createApp(
      ['acme/shop', 40, 'success'],
      ['acme/shop', 8, 'failure'],
      ['acme/cart', 1, 'success'],
    );
    const answer = await ask('tier=production&window=7d');
    expect(answer.points.map(({ end }) => end)).toEqual(
      Array.from({ length: 12 }, (_, place) =>
        new Date((noon - (11 - place) * 7 * day) * 1000).toISOString().replace('.000', ''),
      ),
    );
    expect(deploymentsOf(answer)).toEqual([null, null, null, null, null, null, 1, 0, 0, 0, 1, 1]);
    const dora = (await (await app.request('/api/dora?window=7d')).json()) as {
      tiers: { figures: object }[];
    };
    expect(answer.points.at(-1)?.figures).toEqual(dora.tiers[0]?.figures);
  });

  it('answers for one repo, whatever its case, and for the time that is asked for', async () => {
    const { ask } = await createApp(
      ['acme/shop', 5, 'success'],
      ['acme/shop', 4, 'failure'],
      ['acme/cart', 4, 'success'],
    );
    const answer = await ask('tier=production&repo=Acme/Shop&window=7d&from=5d&to=3d&step=1d');
    expect(answer.points.map(({ figures }) => [figures?.deployments, figures?.change_fail_rate])).toEqual([
      [1, 0],
      [2, 0.5],
      [2, 0.5],
    ]);
  });

  it('is computed once for all who ask within a minute, as long as nothing changes', async () => {
    const exporter = await createSmallExporter({ policy });
    await exporter.receive({
      ...{ repo: 'acme/shop', number: 1, status: 'success', finished: noon - day },
      ...{ event: 'deployment', deploy_to: 'prod' },
    });
    const app = exporter.app();
    const lastEndOf = async (query: string) => {
      const { points } = (await (await app.request(`/api/history?${query}`)).json()) as Answer;
      return points.at(-1)?.end;
    };
    const whole = 'tier=production&window=7d';
    expect(await lastEndOf(whole)).toBe('2026-07-31T12:20:50Z');
    exporter.clock.advance(59);
    expect(await lastEndOf(whole)).toBe('2026-07-31T12:20:50Z');
    expect(await lastEndOf(`${whole}&from=2d&step=1d`)).toBe('2026-07-31T12:20:50Z');
    // What is after the shared moment is not refused.
    expect(await lastEndOf(`${whole}&from=2026-07-31T12:21:30Z`)).toBe('2026-07-31T12:21:30Z');
    exporter.clock.advance(1);
    expect(await lastEndOf(whole)).toBe('2026-07-31T12:21:50Z');
    exporter.clock.advance(10);
    await exporter.receive({
      ...{ repo: 'acme/shop', number: 2, status: 'success', finished: noon },
      ...{ event: 'deployment', deploy_to: 'prod' },
    });
    expect(await lastEndOf(whole)).toBe('2026-07-31T12:22:00Z');
  });

  it('is worked out again once the state has changed', async () => {
    const { exporter, ask } = await createApp(['acme/shop', 5, 'success']);
    const query = 'tier=production&window=7d&from=2d&to=2d';
    expect(deploymentsOf(await ask(query))).toEqual([1]);
    const late = { repo: 'acme/shop', number: 9, status: 'success', finished: noon - 3 * day };
    await exporter.receive({ ...late, event: 'deployment', deploy_to: 'prod' });
    expect(deploymentsOf(await ask(query))).toEqual([2]);
  });

  it.each([
    ['tier=production&step=0', 'step', 'Expected a duration such as 1d or 12h'],
    ['tier=production&step=1x', 'step', 'Expected a duration such as 1d or 12h'],
    ['tier=production&from=200d&step=1d', 'step', 'Expected at most 100 points, not 201'],
    ['tier=production&from=1d&to=2d', 'from', 'Expected a time that is not after "to"'],
    ['tier=production&to=2999-01-01', 'to', 'Expected a time from 1970 to now'],
    ['window=7d', 'tier', 'Missing'],
  ])('refuses %s', async (query, path, message) => {
    const { app } = await createApp(['acme/shop', 5, 'success']);
    const response = await app.request(`/api/history?${query}`);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ path, message }] });
  });

  it('names the tiers and repos that there are', async () => {
    const { app } = await createApp(['acme/shop', 5, 'success']);
    const noTier = await app.request('/api/history?tier=prod');
    expect([noTier.status, await noTier.json()]).toMatchObject([
      404,
      { errors: [{ path: 'tier', message: 'Expected one of production' }] },
    ]);
    const noRepo = await app.request('/api/history?tier=production&repo=acme/x');
    expect([noRepo.status, await noRepo.json()]).toMatchObject([404, { errors: [{ path: 'repo' }] }]);
  });
});
