import { describe, expect, it, onTestFinished } from 'vitest';
import type { Window } from '../../src/core/policy.ts';
import { createProjection } from '../../src/core/series/samples.ts';
import type { State } from '../../src/core/series/state.ts';
import { inAscendingOrder, noValues } from '../../src/core/windows/values.ts';
import { windowDistributions } from '../../src/core/windows/window-content.ts';
import { type CommitRange, type Forge, ForgeUnavailable } from '../../src/forge/forge.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import { type CommitFetcher, createCommitFetcher } from '../../src/sources/fetch-commits.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import type { Clock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { deliver } from '../support/deliver.ts';
import type { CommitGraph } from '../support/dora-oracle.ts';
import { rangeOf } from '../support/dora-play.ts';
import { openIngest } from '../support/open-ingest.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createSimulatedClock, type SimulatedClock } from '../support/simulated-clock.ts';

const leadTimesPlace = windowDistributions.findIndex(({ name }) => name === 'change_lead_time_seconds');

const start = 1_750_000_000;
const week = [{ name: '7d', seconds: 7 * 86_400 }];
const shop = someFacts({ woodpeckerId: 11, fullName: 'acme/shop' });
const site = someFacts({ woodpeckerId: 12, fullName: 'acme/site', forgeRemoteId: 'forge-12' });

interface Setting {
  readonly clock: SimulatedClock;
  readonly ingest: Ingest;
  readonly state: State;
  readonly worker: CommitFetcher;
  readonly asked: readonly string[];
  readonly lines: readonly string[];
  /** How often the worker has gone to sleep. */
  readonly sleeps: number;
  deploy(facts: typeof shop, number: number, commit: string, at?: number): Promise<void>;
  /** Lead times in the window, their count in the ledger's histogram, and the count of unknown ones. */
  leadTimes(repo?: string): { samples: readonly number[]; observed: number; unknown: number };
}

/**
 * A commit fetcher with a forge that answers by `answer`. Two fetchers on one `store` are two runs of the process.
 */
async function createSetting(
  answer: (
    repo: string,
    base: string | null,
    head: string,
  ) => CommitRange | null | Error | Promise<CommitRange>,
  {
    store = openMemoryStore(),
    asksForge = true,
    forgeIdentity = 'forge',
    aheadMs = () => 0,
    windows = week,
  }: {
    store?: Store;
    asksForge?: boolean;
    forgeIdentity?: string;
    aheadMs?: () => number;
    windows?: readonly Window[];
  } = {},
): Promise<Setting> {
  const clock = createSimulatedClock(start);
  const mode = { policy: aPolicy({ windows }), canAsk: false, asksForge, forgeIdentity };
  const ingest = await openIngest({ store, mode, clock });
  const { state } = ingest;
  const asked: string[] = [];
  const lines: string[] = [];
  const forge: Forge = {
    async compare({ fullName }, base, head) {
      asked.push(`${fullName} ${base}..${head}`);
      const told = await answer(fullName, base, head);
      if (told instanceof Error) throw told;
      return { commit: told && head, range: told };
    },
  };
  const log = createLog('info', (line) => lines.push(line.slice(25)));
  const aborter = new AbortController();
  let sleeps = 0;
  const counting: Clock = {
    now: () => clock.now() + aheadMs(),
    sleep(ms, signal) {
      sleeps++;
      return clock.sleep(ms, signal);
    },
  };
  const leadTimes = createCommitFetcher({ ingest, forge, clock: counting, log });
  if (asksForge) leadTimes.run(aborter.signal).catch(() => undefined);
  onTestFinished(() => aborter.abort(new Error('The test is over')));
  return {
    clock,
    ingest,
    state,
    worker: leadTimes,
    asked,
    lines,
    get sleeps() {
      return sleeps;
    },
    async deploy(facts, number, commit, at = start - 1000 + number) {
      const record = aRecord({
        number,
        id: number,
        commit,
        createdAt: at - 60,
        finishedAt: at,
        updatedAt: at,
      });
      await deliver(ingest, facts, record);
    },
    leadTimes(repo = 'acme/shop') {
      const { series } = createProjection(state, mode.policy).at(start);
      const sample = series.find((one) => one.repo === repo);
      const { counts = [] } = sample?.totals.histograms['dora_change_lead_time_seconds'] ?? {};
      return {
        samples: inAscendingOrder(sample?.windows?.[0]?.samples[leadTimesPlace] ?? noValues),
        observed: counts.reduce((sum, count) => sum + count, 0),
        unknown: sample?.totals.counters['dora_change_lead_time_unknown_total'] ?? -1,
      };
    },
  };
}

let commits = 0;
/** A range that adds new commits, made at these times. */
const bringing = (...times: number[]): CommitRange => ({
  added: times.map((committedAt) => ({ id: `new-${++commits}`, committedAt, isMerge: false })),
  removed: [],
});
const away = (retryAfterSeconds: number | null = null) => new ForgeUnavailable('Away', { retryAfterSeconds });

describe('the commit fetcher', () => {
  it('looks up each commit range once, newest deployment first, and stores the answers', async () => {
    const setting = await createSetting(() => bringing(start - 5000, start - 4000));
    for (const [number, commit] of ['a', 'b', 'b', 'c'].entries()) {
      await setting.deploy(shop, number + 1, commit);
    }
    await setting.clock.pass(5_000);
    expect(setting.asked).toEqual(['acme/shop b..c', 'acme/shop a..b', 'acme/shop null..a']);
    expect(setting.leadTimes()).toEqual({
      samples: [3001, 3002, 3004, 4001, 4002, 4004],
      observed: 6,
      unknown: 0,
    });
    await setting.clock.pass(3_600_000);
    expect(setting.asked.length).toBe(3);
  });

  it('looks up only the two halves of a range that a late deployment split; stored ranges survive a restart', async () => {
    const store = openMemoryStore();
    const before = await createSetting(() => bringing(start - 5000), { store });
    await before.deploy(shop, 1, 'a');
    await before.deploy(shop, 9, 'c');
    await before.clock.pass(5_000);
    expect(before.asked).toEqual(['acme/shop a..c', 'acme/shop null..a']);

    const after = await createSetting(() => bringing(start - 2000), { store });
    await after.clock.pass(5_000);
    expect(after.asked).toEqual([]);
    await after.deploy(shop, 5, 'b');
    await after.clock.pass(5_000);
    expect(after.asked).toEqual(['acme/shop b..c', 'acme/shop a..b']);
  });

  it('continues with other look-ups while one of them hangs', async () => {
    const never = new Promise<CommitRange>(() => undefined);
    const setting = await createSetting((_, __, head) => (head === 'slow' ? never : bringing(start - 2000)));
    await setting.deploy(site, 1, 'slow', start - 1);
    for (let number = 1; number <= 20; number++) await setting.deploy(shop, number, `c${number}`);

    await setting.clock.pass(5_000);

    expect(setting.leadTimes('acme/shop').observed).toBe(20);
  });

  it('repeats look-ups that found nothing once another forge or token is set', async () => {
    const store = openMemoryStore();
    const before = await createSetting((_, base) => (base === null ? bringing(start - 3000) : null), {
      store,
    });
    for (const [number, commit] of ['a', 'b'].entries()) await before.deploy(shop, number + 1, commit);
    await before.clock.pass(2_000);
    expect(before.leadTimes()).toEqual({ samples: [2001], observed: 1, unknown: 1 });

    const same = await createSetting(() => null, { store });
    await same.clock.pass(2_000);
    expect(same.asked).toEqual([]);
    const other = await createSetting(() => bringing(start - 2000), { store, forgeIdentity: 'another' });
    await other.clock.pass(2_000);
    expect(other.asked).toEqual(['acme/shop a..b']);
    expect(other.leadTimes()).toEqual({ samples: [1002, 2001], observed: 1, unknown: 1 });
  });

  it('waits longer and longer while the forge is unreachable, and logs one line when it goes and one when it is back', async () => {
    let isAway = true;
    const setting = await createSetting(() => (isAway ? away() : bringing(start - 2000)));
    await setting.deploy(shop, 1, 'a');
    await setting.clock.pass(3_600_000);
    expect(setting.asked.length).toBeGreaterThan(6);
    expect(setting.asked.length).toBeLessThan(20);
    expect(setting.leadTimes()).toEqual({ samples: [], observed: 0, unknown: 0 });
    isAway = false;
    await setting.clock.pass(600_000);
    expect(setting.leadTimes().observed).toBe(1);
    expect(setting.lines).toEqual([
      'warn  Forge gives no usable answer; lead times wait until it does repo=acme/shop error=Away',
      'info  Forge answers again',
    ]);
  });

  it('sends nothing for as long as the forge asks it to wait', async () => {
    let calls = 0;
    const setting = await createSetting(() => (++calls === 1 ? away(1800) : bringing(start - 2000)));
    await setting.deploy(shop, 1, 'a');
    await setting.deploy(site, 1, 'a');
    await setting.clock.pass(1_700_000);
    const early = setting.asked.length;
    await setting.clock.pass(200_000);
    expect([early, setting.leadTimes('acme/shop').observed, setting.leadTimes('acme/site').observed]).toEqual(
      [2, 1, 1],
    );
  });

  it('continues with other repos if the token may not read one', async () => {
    const refused = new ForgeUnavailable('No', { obstacle: 'token' });
    const setting = await createSetting((repo) => (repo === 'acme/site' ? refused : bringing(start - 2000)));
    for (let number = 10; number < 20; number++) await setting.deploy(site, number, `s${number}`);
    await setting.deploy(shop, 1, 'a');
    await setting.clock.pass(60_000);
    expect(setting.leadTimes('acme/shop').observed).toBe(1);
    expect(setting.lines).toEqual([
      'error Forge refuses the token: set DORA_FORGE_TOKEN repo=acme/site error=No',
    ]);
  });

  describe('after the repo whose look-ups failed is gone', () => {
    let isAway = true;
    const createForsaken = async () => {
      isAway = true;
      const setting = await createSetting(() => (isAway ? away() : bringing(start - 2000)));
      await setting.deploy(shop, 1, 'a');
      await setting.clock.pass(60_000);
      await setting.ingest.submit({ kind: 'repoGone', repoId: 11, since: start });
      await setting.clock.pass(3_600_000);
      return setting;
    };

    it('warns when the forge is unreachable again', async () => {
      const setting = await createForsaken();
      await setting.deploy(site, 1, 'a');
      await setting.clock.pass(60_000);
      expect(setting.lines).toEqual([
        'warn  Forge gives no usable answer; lead times wait until it does repo=acme/shop error=Away',
        'warn  Forge gives no usable answer; lead times wait until it does repo=acme/site error=Away',
      ]);
    });

    it('sleeps as long as if nothing had failed', async () => {
      const setting = await createForsaken();
      const before = setting.sleeps;
      await setting.clock.pass(600_000);
      // One pause a minute, made of two sleeps.
      expect(setting.sleeps - before).toBeLessThanOrEqual(22);
    });
  });

  it('continues if the clock was put back while it waited for a retry', async () => {
    // A simulated clock cannot go back, so the worker's clock starts an hour ahead.
    let aheadMs = 3_600_000;
    let isAway = true;
    const setting = await createSetting(() => (isAway ? away() : bringing(start - 2000)), {
      aheadMs: () => aheadMs,
    });
    await setting.deploy(shop, 1, 'a');
    await setting.clock.pass(1_000);
    aheadMs = 0;
    isAway = false;
    await setting.clock.pass(900_000);
    expect(setting.leadTimes().observed).toBe(1);
  });

  describe('with deployments older than the longest window', () => {
    const day = 86_400;
    const month = [{ name: '30d', seconds: 30 * day }];
    const graph: CommitGraph = new Map(
      Object.entries({
        r: { committedAt: start - 130 * day, parents: [] },
        s: { committedAt: start - 120 * day, parents: ['r'] },
        a: { committedAt: start - 106 * day, parents: ['s'] },
        b: { committedAt: start - 96 * day, parents: ['r'] },
        a2: { committedAt: start - 12 * day, parents: ['a'] },
      }),
    );
    const answer = (_: string, base: string | null, head: string) => rangeOf(graph, base, head);

    it('looks up their commits, so that a commit delivered before the window does not count again', async () => {
      const setting = await createSetting(answer, { windows: month });
      await setting.deploy(shop, 1, 'a', start - 97 * day);
      await setting.deploy(shop, 2, 'b', start - 94 * day);
      await setting.deploy(shop, 3, 'a2', start - 11 * day);
      expect(setting.worker.pending).toBe(3);
      await setting.clock.pass(10_000);
      expect(setting.worker.pending).toBe(0);
      expect(setting.asked).toEqual(['acme/shop b..a2', 'acme/shop a..b', 'acme/shop null..a']);
      expect(setting.leadTimes().samples).toEqual([day]);
      // A, B and A2, each once.
      expect(setting.leadTimes()).toMatchObject({ observed: 3, unknown: 0 });
    });

    it('continues after a restart with the remaining look-ups', async () => {
      const store = openMemoryStore();
      let isDown = true;
      const before = await createSetting(
        (repo, base, head) => (isDown && head !== 'a2' ? away() : answer(repo, base, head)),
        { store, windows: month },
      );
      await before.deploy(shop, 1, 'a', start - 97 * day);
      await before.deploy(shop, 2, 'b', start - 94 * day);
      await before.deploy(shop, 3, 'a2', start - 11 * day);
      await before.clock.pass(3_000);
      expect([before.worker.pending, before.leadTimes().observed]).toEqual([2, 0]);
      isDown = false;
      const after = await createSetting(answer, { store, windows: month });
      await after.clock.pass(10_000);
      expect(after.asked).toEqual(['acme/shop a..b', 'acme/shop null..a']);
      expect(after.worker.pending).toBe(0);
      expect(after.leadTimes()).toEqual({ samples: [day], observed: 3, unknown: 0 });
    });

    it('looks up thousands of them once each, newest first', async () => {
      const setting = await createSetting(() => bringing(start - 200 * day), { windows: month });
      const count = 2500;
      const deliveries = Array.from({ length: count }, (_, index) => {
        const number = index + 1;
        const at = start - 190 * day + number * 3600;
        const times = { createdAt: at, finishedAt: at, updatedAt: at };
        return deliver(setting.ingest, shop, aRecord({ number, id: number, commit: `c${number}`, ...times }));
      });
      await Promise.all(deliveries);
      expect(setting.worker.pending).toBe(count);
      while (setting.worker.pending > 0) await setting.clock.pass(5_000);
      expect(setting.worker.pending).toBe(0);
      expect(setting.asked.length).toBe(count);
      expect(setting.asked.slice(0, 2)).toEqual([
        `acme/shop c${count - 1}..c${count}`,
        `acme/shop c${count - 2}..c${count - 1}`,
      ]);
      expect(setting.leadTimes().observed).toBe(count);
    });
  });

  describe('if the forge does not show a repo', () => {
    const hidden = new ForgeUnavailable('Forgejo shows no repo acme/shop: it is gone', { obstacle: 'repo' });

    it('asks again after growing pauses, and logs one warning', async () => {
      let isHidden = true;
      const setting = await createSetting((repo) =>
        isHidden && repo === 'acme/shop' ? hidden : bringing(start - 2000),
      );
      for (let number = 1; number <= 6; number++) await setting.deploy(shop, number, `c${number}`);
      await setting.deploy(site, 1, 'x');
      await setting.clock.pass(10_000);
      expect(setting.leadTimes('acme/site').observed).toBe(1);
      const warnings = () => setting.lines.filter((line) => line.startsWith('warn'));
      expect(warnings()).toEqual(['warn  Forgejo shows no repo acme/shop: it is gone repo=acme/shop']);
      expect(setting.worker.troubles).toEqual(['Forgejo shows no repo acme/shop: it is gone']);
      const askedAtFirst = setting.asked.length;
      await setting.clock.pass(24 * 3_600_000);
      const askedInADay = setting.asked.length - askedAtFirst;
      expect(askedInADay).toBeGreaterThan(20);
      expect(askedInADay).toBeLessThan(60);
      expect(setting.leadTimes()).toEqual({ samples: [], observed: 0, unknown: 0 });

      isHidden = false;
      await setting.clock.pass(3_700_000);
      expect(setting.leadTimes()).toMatchObject({ observed: 6, unknown: 0 });
      expect([setting.worker.pending, setting.worker.troubles, warnings().length]).toEqual([0, [], 1]);
    });

    it('asks again at once after a restart, or when something may have changed', async () => {
      const store = openMemoryStore();
      let isHidden = true;
      const before = await createSetting(() => (isHidden ? hidden : bringing(start - 2000)), { store });
      await before.deploy(shop, 1, 'a');
      await before.clock.pass(24 * 3_600_000);
      const asked = before.asked.length;
      before.worker.retryMissing();
      await before.clock.pass(60_000);
      expect(before.asked.length).toBe(asked + 1);
      isHidden = false;
      const after = await createSetting(() => bringing(start - 2000), { store });
      await after.clock.pass(5_000);
      expect(after.leadTimes()).toMatchObject({ observed: 1, unknown: 0 });
    });
  });
});
