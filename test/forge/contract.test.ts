/** Behaviour that all kinds of forges share. */

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createForge, forgeKinds } from '../../src/forge/create-forge.ts';
import { ForgeUnavailable } from '../../src/forge/forge.ts';
import { systemClock } from '../../src/util/clock.ts';
import { type FakeForge, type FaultAnswer, startFakeForge } from '../support/fake-forge.ts';
import { addLine, epoch, forgeOf, idsOf, shop, signal, sorted, startWithShop, unknownId } from './setting.ts';

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html; charset=utf-8' };

describe.each(forgeKinds)('%s', (kind) => {
  const start = (options = {}) => startWithShop({ kind, ...options });

  describe('reports the commits', () => {
    it('that a deployment adds to the one before, in one request', async () => {
      const fake = await start();
      const [, base = '', second = '', head = ''] = addLine(fake, 4);
      const range = await forgeOf(fake).commitsBetween(shop, base, head, signal);
      expect(sorted(range)).toEqual({
        added: [
          { id: second, committedAt: epoch + 120, isMerge: false },
          { id: head, committedAt: epoch + 180, isMerge: false },
        ],
        removed: [],
      });
      expect(fake.requests.length).toBe(1);
    });

    it('of a restart as none, without a request', async () => {
      const fake = await start();
      const [id = ''] = addLine(fake, 1);
      const none = { added: [], removed: [] };
      expect(await forgeOf(fake).commitsBetween(shop, id, id, signal)).toEqual(none);
      expect(await forgeOf(fake).commitsBetween(shop, id.slice(0, 10), id, signal)).toEqual(none);
      expect(await forgeOf(fake).commitsBetween(shop, id.toUpperCase(), id, signal)).toEqual(none);
      expect(fake.requests).toEqual([]);
    });

    it('that a rollback removes, and none as added', async () => {
      const fake = await start();
      const [head = '', second = '', base = ''] = addLine(fake, 3);
      const range = await forgeOf(fake).commitsBetween(shop, base, head, signal);
      expect(sorted(range)).toEqual({ added: [], removed: [second, base].toSorted() });
      expect(fake.requests.length).toBe(2);
    });

    it('with the ids that their messages say they revert', async () => {
      const fake = await start();
      const [base = ''] = addLine(fake, 1);
      const message = `Revert "Add a cart"\n\nThis reverts commit ${unknownId}.\n`;
      const back = fake.commit(shop, { parents: [base], committedAt: epoch + 60, message });
      const again = { parents: [back], committedAt: epoch + 120, message: `Reapply "Add a cart"\n` };
      const range = await forgeOf(fake).commitsBetween(shop, base, fake.commit(shop, again), signal);
      expect(range?.reverts).toEqual([unknownId]);
    });

    it('of the first deployment as its own commit alone', async () => {
      const fake = await start();
      const [, head = ''] = addLine(fake, 2);
      const range = await forgeOf(fake).commitsBetween(shop, null, head, signal);
      expect(range).toEqual({ added: [{ id: head, committedAt: epoch + 60, isMerge: false }], removed: [] });
      expect(fake.requests.length).toBe(1);
    });

    it('between abbreviated ids in any case, with full ids', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      const [shortBase, shortHead] = [base.slice(0, 8), head.slice(0, 8).toUpperCase()];
      expect(idsOf(await forgeOf(fake).commitsBetween(shop, shortBase, shortHead, signal))).toEqual([head]);
      expect(fake.requests.length).toBe(1);
      expect(idsOf(await forgeOf(fake).commitsBetween(shop, null, shortHead, signal))).toEqual([head]);
      const back = await forgeOf(fake).commitsBetween(shop, shortHead, shortBase, signal);
      expect(back).toEqual({ added: [], removed: [head] });
    });

    it('with the committer’s time, whatever its time zone', async () => {
      const fake = await start();
      const [base = ''] = addLine(fake, 1);
      const east = fake.commit(shop, { parents: [base], committedAt: epoch + 60, zoneMinutes: 330 });
      const west = fake.commit(shop, { parents: [east], committedAt: epoch + 120, zoneMinutes: -570 });
      const range = await forgeOf(fake).commitsBetween(shop, base, west, signal);
      expect(sorted(range)?.added.map(({ committedAt }) => committedAt)).toEqual([epoch + 60, epoch + 120]);
    });

    it('of a repo that was renamed', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      fake.renameRepo(shop, 'acme-tools/shop.js');
      expect(idsOf(await forgeOf(fake).commitsBetween(shop, base, head, signal))).toEqual([head]);
      expect(idsOf(await forgeOf(fake).commitsBetween('acme-tools/shop.js', null, head, signal))).toEqual([
        head,
      ]);
    });

    it('of a repo whose name has dots and other characters, below a sub-path', async () => {
      const fake = await start({ rootPath: '/code/git' });
      fake.addRepo('a.b/.c..d_e-ü');
      const id = fake.commit('a.b/.c..d_e-ü', { committedAt: epoch });
      expect(fake.url).toMatch(/\/code\/git$/);
      expect(idsOf(await forgeOf(fake).commitsBetween('a.b/.c..d_e-ü', null, id, signal))).toEqual([id]);
      fake.renameRepo('a.b/.c..d_e-ü', 'ä/c');
      expect(idsOf(await forgeOf(fake).commitsBetween('a.b/.c..d_e-ü', null, id, signal))).toEqual([id]);
    });

    it('of a public repo without a token', async () => {
      const fake = await start();
      fake.addRepo('acme/open', { isPrivate: false });
      const id = fake.commit('acme/open', { committedAt: epoch });
      const forge = forgeOf(fake, { token: null });
      expect(idsOf(await forge.commitsBetween('acme/open', null, id, signal))).toEqual([id]);
      expect(fake.requests[0]?.headers).not.toHaveProperty('authorization');
      expect(fake.requests[0]?.headers).not.toHaveProperty('private-token');
    });
  });

  describe('reads', () => {
    it.each([200, 350])(
      'all %i commits, whether the last page is full or not, in both directions',
      async (count) => {
        const fake = await start();
        const [base = '', ...rest] = addLine(fake, count + 1);
        const head = rest.at(-1) ?? '';
        const range = await forgeOf(fake).commitsBetween(shop, base, head, signal);
        expect([range?.added.length, idsOf(range), range?.removed]).toEqual([count, rest.toSorted(), []]);
        const back = await forgeOf(fake).commitsBetween(shop, head, base, signal);
        expect(back?.removed.toSorted()).toEqual(rest.toSorted());
      },
    );

    it('up to ten thousand commits, and reports a longer range as unknown', async () => {
      const fake = await start();
      const [first = '', base = '', ...rest] = addLine(fake, 10_002);
      const head = rest.at(-1) ?? '';
      const forge = forgeOf(fake);
      expect((await forge.commitsBetween(shop, base, head, signal))?.added.length).toBe(10_000);
      expect(await forge.commitsBetween(shop, first, head, signal)).toBeNull();
      expect(await forge.commitsBetween(shop, head, first, signal)).toBeNull();
    });
  });

  describe('resolves commit ids:', () => {
    const repo = { fullName: shop, forgeRemoteId: null };
    /** Two commits, an annotated tag of the second, and a tag of that tag. */
    const startTagged = async () => {
      const fake = await start();
      const [first = '', second = ''] = addLine(fake, 2);
      const tag = fake.tag(shop, { name: 'v1', target: second });
      const tagOfTag = fake.tag(shop, { name: 'stable', target: tag });
      const ask = (base: string | null, head: string) => forgeOf(fake).compare(repo, base, head, signal);
      return { fake, first, second, tag, tagOfTag, ask };
    };
    const bringsSecond = { added: [{ committedAt: epoch + 60, isMerge: false }], removed: [] };

    it('a tag deployed first adds the commit that it points to', async () => {
      const { second, tag, tagOfTag, ask } = await startTagged();
      expect(await ask(null, tag)).toMatchObject({ commit: second, range: { added: [{ id: second }] } });
      expect(await ask(null, tagOfTag)).toMatchObject({ commit: second, range: { added: [{ id: second }] } });
    });

    it('a tag of the deployed commit adds nothing, in either order', async () => {
      const { second, tag, tagOfTag, ask } = await startTagged();
      for (const [base, head] of [
        [second, tag],
        [tag, second],
        [tag, tagOfTag],
        [tagOfTag, tag],
      ] as const)
        expect(await ask(base, head)).toEqual({ commit: second, range: { added: [], removed: [] } });
    });

    it('a tag of a later commit adds that commit, and a rollback removes it', async () => {
      const { first, second, tag, tagOfTag, ask } = await startTagged();
      for (const head of [tag, tagOfTag]) {
        expect(await ask(first, head)).toMatchObject({ commit: second, range: bringsSecond });
        expect(await ask(head, first)).toEqual({ commit: first, range: { added: [], removed: [second] } });
      }
    });

    it('a tag is resolved even if the commit before it is lost', async () => {
      const { second, tag, ask } = await startTagged();
      expect(await ask(unknownId, tag)).toEqual({ commit: second, range: null });
    });

    it('an abbreviated id is resolved to the full one', async () => {
      const { first, second, ask } = await startTagged();
      expect((await ask(first, second.slice(0, 9).toUpperCase())).commit).toBe(second);
      expect((await ask(second, second.slice(0, 9))).commit).toBe(second);
      expect((await ask(second, first.slice(0, 9))).commit).toBe(first);
    });
  });

  describe('with a repo that is hidden, gone or renamed', () => {
    it('rejects with the repo as obstacle if it does not show the repo', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      const missing = { name: 'ForgeUnavailable', obstacle: 'repo', retryAfterSeconds: null };
      const ask = (from: string | null) => forgeOf(fake).commitsBetween(shop, from, head, signal);
      fake.hideRepo(shop);
      await expect(ask(base)).rejects.toMatchObject(missing);
      await expect(ask(null)).rejects.toMatchObject(missing);
      await expect(ask(base)).rejects.toThrow(
        / shows no repo acme\/shop: it is gone, or DORA_FORGE_TOKEN may not read it$/,
      );
      fake.showRepo(shop);
      expect(idsOf(await ask(base))).toEqual([head]);
      const anybody = forgeOf(fake, { token: null }).commitsBetween(shop, base, head, signal);
      await expect(anybody).rejects.toMatchObject(missing);
      fake.deleteRepo(shop);
      await expect(ask(base)).rejects.toMatchObject(missing);
    });

    it('finds the repo by its id under the new name, even if another repo has taken the old one', async () => {
      const fake = await start();
      const forgeRemoteId = String(fake.addRepo('acme/old'));
      const base = fake.commit('acme/old', { committedAt: epoch });
      const head = fake.commit('acme/old', { parents: [base], committedAt: epoch + 60 });
      const ask = (id: string | null) =>
        forgeOf(fake).compare({ fullName: 'acme/old', forgeRemoteId: id }, base, head, signal);
      fake.renameRepo('acme/old', 'acme/new');
      expect((await ask(forgeRemoteId)).commit).toBe(head);
      fake.addRepo('acme/old');
      fake.commit('acme/old', { committedAt: epoch + 600 });
      expect(idsOf((await ask(forgeRemoteId)).range)).toEqual([head]);
      expect(await ask(null)).toEqual({ commit: null, range: null });
    });

    it('does not use another repo of the same name', async () => {
      const fake = await start();
      const forgeRemoteId = String(fake.addRepo('acme/old'));
      fake.deleteRepo('acme/old');
      fake.addRepo('acme/old');
      fake.commit('acme/old', { committedAt: epoch });
      const repo = { fullName: 'acme/old', forgeRemoteId };
      const asked = forgeOf(fake).compare(repo, null, unknownId, signal);
      await expect(asked).rejects.toMatchObject({ obstacle: 'repo' });
    });
  });

  describe('reports commits as unknown', () => {
    it('if it does not have one of them', async () => {
      const fake = await start();
      const [base = '', gone = '', head = ''] = addLine(fake, 3);
      const [, other = ''] = addLine(fake, 2, { parent: base });
      fake.forget(shop, gone);
      const forge = forgeOf(fake);
      expect(await forge.commitsBetween(shop, unknownId, head, signal)).toBeNull();
      expect(await forge.commitsBetween(shop, gone, other, signal)).toBeNull();
      expect(await forge.commitsBetween(shop, base, unknownId, signal)).toBeNull();
      expect(await forge.commitsBetween(shop, null, unknownId, signal)).toBeNull();
    });

    it('without a request if the name or an id is invalid', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      const forge = forgeOf(fake);
      const names = ['', 'shop', 'acme/', '/shop', 'acme/..', './shop', 'acme/\ud800', 'acme/x/../../shop'];
      for (const name of names) expect(await forge.commitsBetween(name, base, head, signal)).toBeNull();
      const ids = ['', 'main', 'abc123', `${head}0123456789abcdef0123456789abcdef`, `${head}/..`, '../../x'];
      for (const id of ids) {
        expect(await forge.commitsBetween(shop, base, id, signal)).toBeNull();
        expect(await forge.commitsBetween(shop, id, head, signal)).toBeNull();
      }
      expect(fake.requests).toEqual([]);
    });
  });

  // Other faults are those of every server that is asked for JSON: `test/woodpecker/client.test.ts` has them.
  describe('on a faulty answer', () => {
    const manyValues = JSON.stringify(Array.from({ length: 50_000 }, () => []));
    const passing: readonly (readonly [string, FaultAnswer, RegExp])[] = [
      ['500', { status: 500, headers: json, body: '{}' }, /answered 500 to \//],
      ['a page with 404', { status: 404, headers: html, body: '<html>' }, /check that the URL is \w+'s root/],
      ['too many values', { status: 200, headers: json, body: manyValues }, /It contains too many values/],
      ['JSON of another shape', { status: 200, headers: json, body: '[{"id": 7}]' }, /not as expected/],
      ['a dropped connection', 'drop', /no usable answer/],
    ];

    it.each(passing)('repeats the request: %s', async (_, answer) => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      fake.fault({ answer, times: 2 });
      const forge = forgeOf(fake);
      expect(idsOf(await forge.commitsBetween(shop, base, head, signal))).toEqual([head]);
      expect([fake.requests.length, forge.pauses.length, forge.ended.at(-1)]).toEqual([3, 2, 200]);
    });

    it.each(passing)('gives up after three tries: %s', async (_, answer, message) => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      fake.fault({ answer, times: 3 });
      // Only the first request fails. A request for the commit after it would succeed.
      const forge = forgeOf(fake);
      const error = await forge.commitsBetween(shop, base, head, signal).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ForgeUnavailable);
      expect(error).toMatchObject({ retryAfterSeconds: null, obstacle: null });
      expect(String(error)).toMatch(message);
      expect([forge.pauses.length, String(error).includes(fake.token)]).toEqual([2, false]);
    });

    it('repeats the request of a second page too', async () => {
      const fake = await start();
      const [base = '', ...rest] = addLine(fake, 151);
      fake.fault({ match: /[?&]page=2\b/, answer: { status: 502 }, times: 2 });
      const range = await forgeOf(fake).commitsBetween(shop, base, rest.at(-1) ?? '', signal);
      expect(range?.added.length).toBe(150);
    });

    it('rejects a body larger than 16 MiB', async () => {
      const fake = await start();
      const body = `[${' '.repeat(17 * 1024 * 1024)}]`;
      fake.fault({ answer: { status: 200, headers: json, body } });
      const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
      await expect(range).rejects.toThrow(/larger than 16777216 bytes/);
    });
  });

  describe('handles tokens and redirects:', () => {
    it('a refused token is reported as the obstacle, and not tried again', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      const forge = forgeOf(fake, { token: 'another-token' });
      const error = await forge.commitsBetween(shop, base, head, signal).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ForgeUnavailable);
      expect(error).toMatchObject({ obstacle: 'token', retryAfterSeconds: null });
      expect(String(error)).toMatch(/answered 401 to .*: check the token and its rights/);
      expect(String(error)).not.toContain('another-token');
      expect([fake.requests.length, forge.pauses]).toEqual([1, []]);
    });

    it('a missing right is reported as an obstacle of the token', async () => {
      const fake = await start();
      fake.fault({ answer: { status: 403, headers: json, body: '{"message":"insufficient scope"}' } });
      const range = forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
      await expect(range).rejects.toMatchObject({ name: 'ForgeUnavailable', obstacle: 'token' });
    });

    it('the token never goes to another origin', async () => {
      const [fake, elsewhere] = [await start(), await start()];
      const [head = ''] = addLine(fake, 1);
      for (const status of [301, 302, 307, 308]) {
        using _ = fake.fault({ answer: { status, headers: { location: `${elsewhere.url}/api` } } });
        const range = forgeOf(fake).commitsBetween(shop, null, head, signal);
        await expect(range).rejects.toThrow(`redirects to ${elsewhere.url}/api: check`);
        await expect(range).rejects.toThrow(ForgeUnavailable);
      }
      expect(elsewhere.requests).toEqual([]);
    });

    it('a circle of redirects is given up', async () => {
      const fake = await start();
      const [head = ''] = addLine(fake, 1);
      fake.fault({ answer: { status: 307, headers: { location: '/again' } } });
      const range = forgeOf(fake).commitsBetween(shop, null, head, signal);
      await expect(range).rejects.toThrow(ForgeUnavailable);
      expect(fake.requests.length).toBe(12);
    });
  });

  describe('at a rate limit', () => {
    it('rejects with the seconds to wait if the limit lasts long', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      const limit = fake.limitRate({ seconds: 1800 });
      const forge = forgeOf(fake);
      const error = await forge.commitsBetween(shop, base, head, signal).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ForgeUnavailable);
      const seconds = error instanceof ForgeUnavailable ? error.retryAfterSeconds : null;
      expect(seconds).toBeGreaterThan(1790);
      expect(seconds).toBeLessThanOrEqual(1801);
      expect(error).toMatchObject({ obstacle: null });
      expect([fake.requests.length, forge.pauses]).toEqual([1, []]);
      limit.clear();
      expect(idsOf(await forge.commitsBetween(shop, base, head, signal))).toEqual([head]);
    });

    it('waits if the limit is over soon', async () => {
      const fake = await start();
      const [base = '', head = ''] = addLine(fake, 2);
      fake.limitRate({ seconds: 5, times: 1 });
      const forge = forgeOf(fake);
      expect(idsOf(await forge.commitsBetween(shop, base, head, signal))).toEqual([head]);
      expect(forge.pauses.length).toBe(1);
      expect(forge.pauses[0]).toBeGreaterThan(3000);
      expect(forge.pauses[0]).toBeLessThanOrEqual(6000);
    });

    it('asks for a minute if the limit states no end, and for a day at most', async () => {
      const fake = await start();
      fake.fault({ answer: { status: 429 }, times: 1 });
      const ask = () => forgeOf(fake).commitsBetween(shop, null, unknownId, signal);
      await expect(ask()).rejects.toMatchObject({ retryAfterSeconds: 60 });
      fake.fault({ answer: { status: 429, headers: { 'retry-after': '99999999999' } }, times: 1 });
      await expect(ask()).rejects.toMatchObject({ retryAfterSeconds: 86_400 });
    });
  });

  it('ends a request that gets no answer if it is aborted', async () => {
    const fake = await start();
    fake.fault({ answer: 'hang' });
    const aborter = new AbortController();
    const forge = forgeOf(fake, { timeoutMs: 30_000 });
    const range = forge.commitsBetween(shop, null, unknownId, aborter.signal);
    await expect.poll(() => fake.requests.length).toBe(1);
    const reason = new Error('Service is stopping');
    aborter.abort(reason);
    await expect(range).rejects.toBe(reason);
    expect([fake.requests.length, forge.ended]).toEqual([1, []]);
  });

  it('ends a pause if it is aborted', async () => {
    const fake = await start();
    fake.fault({ answer: { status: 503, headers: { 'retry-after': '9' } } });
    const aborter = new AbortController();
    const forge = forgeOf(fake, { sleep: systemClock.sleep });
    const range = forge.commitsBetween(shop, null, unknownId, aborter.signal);
    await expect.poll(() => forge.ended).toEqual([503]);
    await delay(20);
    const reason = new Error('Service is stopping');
    aborter.abort(reason);
    await expect(range).rejects.toBe(reason);
    expect(fake.requests.length).toBe(1);
  });

  it('sends nothing if the abort came first', async () => {
    const fake = await start();
    const reason = new Error('Service is stopping');
    const range = forgeOf(fake).commitsBetween(shop, null, unknownId, AbortSignal.abort(reason));
    await expect(range).rejects.toBe(reason);
    expect(fake.requests).toEqual([]);
  });

  describe('reads the date of a commit', () => {
    /** The answer to a first deployment, with this date in place of the real one. */
    async function withDate(fake: FakeForge, date: unknown): Promise<unknown> {
      const [head = ''] = addLine(fake, 1);
      const committer = { name: 'Alice', date };
      const wire = { sha: head, id: head, commit: { committer }, committed_date: date, parents: [] };
      fake.fault({ answer: { status: 200, headers: json, body: JSON.stringify(wire) } });
      return forgeOf(fake).commitsBetween(shop, null, head, signal);
    }

    it.each([
      null,
      '',
      'yesterday',
      '2026-07-25',
      '0001-01-01T00:00:00Z',
      '2026-13-45T00:00:00Z',
      '1785000000',
    ])('as unknown if it is %j', async (date) => {
      expect(await withDate(await start(), date)).toBeNull();
    });

    it('in whole seconds', async () => {
      const range = await withDate(await start(), '2026-07-25T17:20:00.987+02:00');
      expect(range).toMatchObject({ added: [{ committedAt: 1_784_992_800 }] });
    });
  });
});

describe('a forge that is configured as another kind', () => {
  it.each([
    ['gitea', 'gitlab'],
    ['gitlab', 'forgejo'],
    ['forgejo', 'github'],
    ['github', 'gitea'],
  ] as const)('rejects, because nothing answers there: %s as %s', async (kind, asked) => {
    await using fake = await startFakeForge({ kind });
    fake.addRepo(shop);
    const [head = ''] = addLine(fake, 1);
    const { url, token } = fake;
    const forge = createForge({ kind: asked, url, token, sleep: async () => undefined });
    const range = forge.compare({ fullName: shop, forgeRemoteId: null }, null, head, signal);
    await expect(range).rejects.toThrow(/Nothing answers .*: check that the URL is \w+'s root/);
  });
});
