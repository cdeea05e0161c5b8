import { describe, expect, it, onTestFinished } from 'vitest';
import { createProjection } from '../../src/core/series/samples.ts';
import type { State } from '../../src/core/series/state.ts';
import { type CommitRange, type Forge, ForgeUnavailable } from '../../src/forge/forge.ts';
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts';
import { loadState } from '../../src/ingest/load-state.ts';
import { createLeadTimes } from '../../src/sources/fetch-commits.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import type { Clock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createSimulatedClock, type SimulatedClock } from '../support/simulated-clock.ts';

const start = 1_750_000_000;
const week = [{ name: '7d', seconds: 7 * 86_400 }];
const shop = someFacts({ woodpeckerId: 11, fullName: 'acme/shop' });
const site = someFacts({ woodpeckerId: 12, fullName: 'acme/site', forgeRemoteId: 'forge-12' });

interface Setting {
  readonly clock: SimulatedClock;
  readonly ingest: Ingest;
  readonly state: State;
  readonly asked: readonly string[];
  readonly lines: readonly string[];
  /** How often the worker has gone to sleep. */
  readonly sleeps: number;
  deploy(facts: typeof shop, number: number, commit: string, at?: number): Promise<void>;
  /** Lead times in the window of a week, and the count of the ledger's histogram. */
  leadTimes(repo?: string): { samples: readonly number[]; observed: number; unknown: number };
}

/** The worker before a forge that answers as told; `store` outlives it. */
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
  }: { store?: Store; asksForge?: boolean; forgeIdentity?: string; aheadMs?: () => number } = {},
): Promise<Setting> {
  const clock = createSimulatedClock(start);
  const mode = { policy: aPolicy({ windows: week }), canAsk: false, asksForge, forgeIdentity };
  const { state } = await loadState(store, mode, start);
  const ingest = createIngest({ store, state, mode, clock });
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
  if (asksForge) {
    const running = createLeadTimes({ ingest, forge, clock: counting, log }).run(aborter.signal);
    running.catch(() => undefined);
  }
  onTestFinished(() => aborter.abort(new Error('The test is over')));
  return {
    clock,
    ingest,
    state,
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
      await ingest.submit(async (uow) => {
        const { key } = await uow.repoOf(facts);
        await uow.observe(key, record, 'live');
      });
    },
    leadTimes(repo = 'acme/shop') {
      const { series } = createProjection(state, week).at(start);
      const sample = series.find((one) => one.repo === repo);
      const { counts = [] } = sample?.totals.histograms['dora_change_lead_time_seconds'] ?? {};
      return {
        samples: sample?.windows?.windows[0]?.samples[1] ?? [],
        observed: counts.reduce((sum, count) => sum + count, 0),
        unknown: sample?.totals.counters['dora_change_lead_time_unknown_total'] ?? -1,
      };
    },
  };
}

const bringing = (...times: number[]): CommitRange => ({
  added: times.map((committedAt, index) => ({ id: `c${committedAt}-${index}`, committedAt, isMerge: false })),
  removed: [],
});
const away = (retryAfterSeconds: number | null = null) => new ForgeUnavailable('Away', { retryAfterSeconds });

describe('createLeadTimes', () => {
  it('asks for each step once, the newest deployment first, and stores what it hears', async () => {
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

  it('asks anew for the one step that a late deployment has split, and not again for what a restart knows', async () => {
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

  it('gives each free slot the next look-up, however long another one takes', async () => {
    const never = new Promise<CommitRange>(() => undefined);
    const setting = await createSetting((_, __, head) => (head === 'slow' ? never : bringing(start - 2000)));
    await setting.deploy(site, 1, 'slow', start - 1);
    for (let number = 1; number <= 20; number++) await setting.deploy(shop, number, `c${number}`);

    await setting.clock.pass(5_000);

    expect(setting.leadTimes('acme/shop').observed).toBe(20);
  });

  it('counts as unknown what the forge can never tell', async () => {
    const setting = await createSetting(() => null);
    await setting.deploy(shop, 1, 'a');
    await setting.clock.pass(1_000);
    expect(setting.leadTimes()).toEqual({ samples: [], observed: 0, unknown: 1 });
  });

  it('asks again for what could not be told, once another forge or token is set', async () => {
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

  it('waits while the forge is away, longer each time, and says so once when it goes and once when it is back', async () => {
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
      'warn  Forge cannot be asked now; lead times wait until it can repo=acme/shop error=Away',
      'info  Forge answers again',
    ]);
  });

  it('leaves the forge alone for as long as it asks', async () => {
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

  it('does not let a repo that it may not read keep others waiting', async () => {
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

  describe('once nothing is wanted any more of a repo that it could not ask for', () => {
    let isAway = true;
    const createForsaken = async () => {
      isAway = true;
      const setting = await createSetting(() => (isAway ? away() : bringing(start - 2000)));
      await setting.deploy(shop, 1, 'a');
      await setting.clock.pass(60_000);
      await setting.ingest.submit(async (uow) => {
        const repo = uow.repoById(11);
        if (repo) await uow.putRepo({ ...repo, isGone: true });
      });
      await setting.clock.pass(3_600_000);
      return setting;
    };

    it('says so when the forge is away again', async () => {
      const setting = await createForsaken();
      await setting.deploy(site, 1, 'a');
      await setting.clock.pass(60_000);
      expect(setting.lines).toEqual([
        'warn  Forge cannot be asked now; lead times wait until it can repo=acme/shop error=Away',
        'warn  Forge cannot be asked now; lead times wait until it can repo=acme/site error=Away',
      ]);
    });

    it('rests as it does where none was', async () => {
      const setting = await createForsaken();
      const before = setting.sleeps;
      await setting.clock.pass(600_000);
      // A nap a minute, of two sleeps.
      expect(setting.sleeps - before).toBeLessThanOrEqual(22);
    });
  });

  it('asks on where the clock was put back while it waited for a retry', async () => {
    // A simulated clock only goes on: that of the worker is an hour ahead at first.
    let aheadMs = 3_600_000;
    let isAway = true;
    const setting = await createSetting(() => (isAway ? away() : bringing(start - 2000)), {
      aheadMs: () => aheadMs,
    });
    await setting.deploy(shop, 1, 'a');
    await setting.clock.pass(1_000);
    aheadMs = 0;
    isAway = false;
    await setting.clock.pass(120_000);
    expect(setting.leadTimes().observed).toBe(1);
  });

  it('does not count again in the ledger what was unknown before there was a forge', async () => {
    const store = openMemoryStore();
    const without = await createSetting(() => null, { store, asksForge: false });
    await without.deploy(shop, 1, 'a');
    expect(without.leadTimes()).toEqual({ samples: [], observed: 0, unknown: 1 });

    const withForge = await createSetting(() => bringing(start - 2000), { store });
    await withForge.clock.pass(1_000);
    expect(withForge.leadTimes()).toEqual({ samples: [1001], observed: 0, unknown: 1 });
  });
});
