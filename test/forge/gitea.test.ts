/** Behaviour of Forgejo and Gitea alone. */

import { describe, expect, it } from 'vitest';
import { ForgeUnavailable } from '../../src/forge/forge.ts';
import { addLine, epoch, forgeOf, idsOf, shop, signal, startWithShop, unknownId } from './setting.ts';

describe.each(['forgejo', 'gitea'] as const)('%s', (kind) => {
  it('receives a request for commits without files, statistics and signatures, with the token', async () => {
    const fake = await startWithShop({ kind });
    const [base = '', head = ''] = addLine(fake, 2);
    await forgeOf(fake).commitsBetween(shop, base, head, signal);
    const [request] = fake.requests;
    expect(request?.path).toBe('/api/v1/repos/acme/shop/commits');
    expect(Object.fromEntries(new URLSearchParams(request?.query))).toEqual({
      sha: head,
      not: base,
      stat: 'false',
      verification: 'false',
      files: 'false',
      limit: '50',
      page: '1',
    });
    expect(request?.headers.authorization).toBe(`token ${fake.token}`);
  });

  it('is read to the end even if its pages are smaller than requested', async () => {
    const fake = await startWithShop({ kind, commitsRangeSize: 7 });
    const [base = '', ...rest] = addLine(fake, 22);
    const range = await forgeOf(fake).commitsBetween(shop, base, rest.at(-1) ?? '', signal);
    expect(idsOf(range)).toEqual(rest.toSorted());
    expect(fake.requests.length).toBe(3);
  });

  it('is read until a page has nothing new if a proxy removed its headers', async () => {
    const fake = await startWithShop({ kind });
    const [base = '', head = ''] = addLine(fake, 2);
    const commit = { committer: { date: '2026-07-25T17:20:00Z' } };
    const page = (...wires: unknown[]) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wires),
    });
    const answer = page({ sha: head, commit, parents: [{ sha: base }] });
    fake.fault({ match: /page=1$/, answer });
    using beyond = fake.fault({ match: /page=2$/, answer: page() });
    expect(idsOf(await forgeOf(fake).commitsBetween(shop, base, head, signal))).toEqual([head]);
    beyond.clear();
    fake.clearRequests();
    using again = fake.fault({ match: /page=[2-9]$/, answer });
    expect(idsOf(await forgeOf(fake).commitsBetween(shop, base, head, signal))).toEqual([head]);
    expect([again.hits, fake.requests.length]).toEqual([1, 2]);
  });

  it('is asked for the commit itself if its list answers 500', async () => {
    const fake = await startWithShop({ kind });
    const [base = '', head = ''] = addLine(fake, 2);
    expect(await forgeOf(fake).commitsBetween(shop, unknownId, head, signal)).toBeNull();
    expect(fake.requests.map(({ path }) => path)).toContain(
      `/api/v1/repos/acme/shop/git/commits/${unknownId}`,
    );
    // Gitea 1.20 answers 500 for an unknown head, too.
    fake.fault({ match: /\/commits\?/, answer: { status: 500 } });
    expect(await forgeOf(fake).commitsBetween(shop, base, unknownId, signal)).toBeNull();
    await expect(forgeOf(fake).commitsBetween(shop, base, head, signal)).rejects.toThrow(ForgeUnavailable);
  });

  it('is rejected if it is too old to exclude commits from a list', async () => {
    const fake = await startWithShop({ kind, isWithoutNot: true });
    const [root = '', base = '', head = ''] = addLine(fake, 3);
    const [side = ''] = addLine(fake, 1, { parent: root });
    const forge = forgeOf(fake);
    for (const [from, to] of [
      [base, head],
      [head, base],
      [side, head],
    ] as const) {
      const range = forge.commitsBetween(shop, from, to, signal);
      await expect(range).rejects.toThrow(/lists commits that the request excludes: it may be too old/);
      await expect(range).rejects.toThrow(ForgeUnavailable);
    }
    const first = await forge.commitsBetween(shop, null, head, signal);
    expect(first?.added).toEqual([{ id: head, committedAt: epoch + 120, isMerge: false }]);
  });

  it('reports commits of an empty repo as unknown', async () => {
    const fake = await startWithShop({ kind });
    const body = JSON.stringify({ message: 'Git Repository is empty.', url: `${fake.url}/api/swagger` });
    fake.fault({
      match: /commits/,
      answer: { status: 409, headers: { 'content-type': 'application/json' }, body },
    });
    expect(await forgeOf(fake).commitsBetween(shop, unknownId, 'c0ffee00', signal)).toBeNull();
  });

  it('refuses a token for public repos alone, and a missing token if it requires sign-in', async () => {
    const fake = await startWithShop({ kind });
    const [head = ''] = addLine(fake, 1);
    const scoped = forgeOf(fake, { token: fake.publicOnlyToken }).commitsBetween(shop, null, head, signal);
    await expect(scoped).rejects.toMatchObject({ obstacle: 'token' });
    await expect(scoped).rejects.toThrow(
      / answered 403 to \/repos\/acme\/shop\/git\/commits\/[0-9a-f]{40}: check the token and its rights$/,
    );
    const closed = await startWithShop({ kind, requiresSignIn: true });
    const asked = forgeOf(closed, { token: null }).commitsBetween(shop, null, head, signal);
    await expect(asked).rejects.toMatchObject({ obstacle: 'token' });
  });
});
