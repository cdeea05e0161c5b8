/** Behaviour of GitLab alone. */

import { describe, expect, it } from 'vitest';
import { addLine, epoch, forgeOf, idsOf, shop, signal, startWithShop, unknownId } from './setting.ts';

const start = () => startWithShop({ kind: 'gitlab' });

describe('GitLab', () => {
  it('receives a request for a range of commits, with the token', async () => {
    const fake = await start();
    const [base = '', head = ''] = addLine(fake, 2);
    await forgeOf(fake).commitsBetween(shop, base, head, signal);
    const [request] = fake.requests;
    expect(request?.path).toBe('/api/v4/projects/acme%2Fshop/repository/commits');
    expect(request?.query).toBe(`?ref_name=${base}..${head}&per_page=100&page=1`);
    expect(request?.headers['private-token']).toBe(fake.token);
  });

  it('finds a project in nested groups', async () => {
    const fake = await start();
    fake.addRepo('acme/tools/web.d/shop');
    const id = fake.commit('acme/tools/web.d/shop', { committedAt: epoch });
    const range = await forgeOf(fake).commitsBetween('acme/tools/web.d/shop', null, id, signal);
    expect(idsOf(range)).toEqual([id]);
    expect(fake.requests[0]?.path).toBe(
      `/api/v4/projects/acme%2Ftools%2Fweb.d%2Fshop/repository/commits/${id}`,
    );
  });

  it('is asked in both directions before an empty list means an unknown commit', async () => {
    const fake = await start();
    const [head = ''] = addLine(fake, 1);
    expect(await forgeOf(fake).commitsBetween(shop, unknownId, head, signal)).toBeNull();
    expect(fake.requests.map(({ status }) => status)).toEqual([200, 200, 200, 404]);
  });

  it('may give the end of a rate limit as a time alone', async () => {
    const fake = await start();
    const date = 'Sat, 25 Jul 2026 17:20:00 GMT';
    const headers = { date, 'ratelimit-reset': String(Date.parse(date) / 1000 + 47) };
    fake.fault({ answer: { status: 429, headers, body: 'Retry later\n' } });
    const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
    await expect(range).rejects.toMatchObject({ retryAfterSeconds: 47, obstacle: null });
  });
});
