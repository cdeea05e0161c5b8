/** Behaviour of GitHub alone. */

import { describe, expect, it } from 'vitest';
import { createForge } from '../../src/forge/create-forge.ts';
import { ForgeUnavailable } from '../../src/forge/forge.ts';
import { addLine, forgeOf, idsOf, shop, signal, startWithShop, unknownId } from './setting.ts';

const start = () => startWithShop({ kind: 'github' });
const json = { 'content-type': 'application/json; charset=utf-8' };

describe('GitHub', () => {
  it.each([
    ['https://github.com', 'https://api.github.com'],
    ['https://www.github.com', 'https://api.github.com'],
    ['https://api.github.com', 'https://api.github.com'],
    ['https://acme.ghe.com', 'https://api.acme.ghe.com'],
    ['https://git.example.com', 'https://git.example.com/api/v3'],
    ['http://example.com:8443/hub', 'http://example.com:8443/hub/api/v3'],
    ['https://notgithub.com', 'https://notgithub.com/api/v3'],
  ])('at %s has its API at %s', async (url, api) => {
    const asked: string[] = [];
    const answer = async (input: unknown) => {
      asked.push(String(input));
      return new Response('{"message":"Not Found"}', { status: 404, headers: json });
    };
    const forge = createForge({
      kind: 'github',
      url,
      token: null,
      fetch: answer,
      sleep: async () => undefined,
    });
    const repo = { fullName: shop, forgeRemoteId: null };
    await expect(forge.compare(repo, null, unknownId, signal)).rejects.toThrow(ForgeUnavailable);
    expect(asked[0]).toBe(`${api}/repos/acme/shop/commits/${unknownId}?per_page=1`);
  });

  it('receives our name, the wanted format and version, and the token', async () => {
    const fake = await start();
    const [base = '', head = ''] = addLine(fake, 2);
    await forgeOf(fake).commitsBetween(shop, base, head, signal);
    const [request] = fake.requests;
    expect(request?.path).toBe(`/api/v3/repos/acme/shop/compare/${base}...${head}`);
    expect(request?.query).toBe('?per_page=100&page=1');
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${fake.token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      'user-agent': 'woodpecker-dora-exporter',
    });
  });

  it('receives no request for a page that does not exist', async () => {
    const fake = await start();
    const [base = '', ...rest] = addLine(fake, 201);
    await forgeOf(fake).commitsBetween(shop, base, rest[99] ?? '', signal);
    expect(fake.requests.length).toBe(1);
    await forgeOf(fake).commitsBetween(shop, base, rest[100] ?? '', signal);
    expect(fake.requests.length).toBe(3);
  });

  it('may answer a rate limit with 403, too', async () => {
    const fake = await start();
    const body = '{"message":"You have exceeded a secondary rate limit."}';
    fake.fault({ answer: { status: 403, headers: { ...json, 'retry-after': '90' }, body } });
    const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
    await expect(range).rejects.toMatchObject({ retryAfterSeconds: 90, obstacle: null });
  });

  it('has the end of its rate limit measured by its own clock', async () => {
    const fake = await start();
    const date = 'Sat, 25 Jul 2026 17:20:00 GMT';
    const reset = String(Date.parse(date) / 1000 + 1234);
    const headers = { ...json, date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    fake.fault({ answer: { status: 403, headers, body: '{}' } });
    const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
    await expect(range).rejects.toMatchObject({ retryAfterSeconds: 1234 });
  });

  it('is rejected if it announced more commits than it sent', async () => {
    const fake = await start();
    const [base = '', ...rest] = addLine(fake, 4);
    const wires = rest.map((sha) => ({
      sha,
      commit: { committer: { date: '2026-07-25T17:20:00Z' } },
      parents: [{ sha: base }],
    }));
    const body = JSON.stringify({ total_commits: 500, commits: wires });
    const fault = fake.fault({ answer: { status: 200, headers: json, body } });
    const range = forgeOf(fake).commitsBetween(shop, base, rest.at(-1) ?? '', signal);
    await expect(range).rejects.toThrow('announced 500 commits and sent 3');
    expect(fault.hits).toBe(2);
    fault.clear();
    expect(idsOf(await forgeOf(fake).commitsBetween(shop, base, rest.at(-1) ?? '', signal))).toEqual(
      rest.toSorted(),
    );
  });

  it('reports a blocked repo as the obstacle, not its commits as unknown', async () => {
    const fake = await start();
    fake.fault({ answer: { status: 451, headers: json, body: '{"message":"Repository access blocked"}' } });
    const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
    await expect(range).rejects.toMatchObject({ obstacle: 'repo' });
  });
});
