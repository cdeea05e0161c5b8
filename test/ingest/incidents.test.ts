import { describe, expect, it } from 'vitest';
import type { IncidentFields } from '../../src/core/failures/incident-report.ts';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import type { IncidentRule } from '../../src/core/failures/incident-rules.ts';
import { incidentsTotal } from '../../src/core/series/ledger.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import type { State } from '../../src/core/series/state.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { dropOldTexts } from '../../src/sources/old-texts.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createLog } from '../../src/util/log.ts';
import { deliver } from '../support/deliver.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { openIngest } from '../support/open-ingest.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';

const now = 1_785_500_000;
const day = 86_400;
const tier = 'production';

interface Settings {
  readonly store?: Store;
  readonly rules?: readonly IncidentRule[];
  readonly mostPairs?: number;
  readonly historySeconds?: number;
  readonly at?: number;
}

async function start({
  store = openMemoryStore(),
  rules = [],
  mostPairs,
  historySeconds,
  at = now,
}: Settings = {}) {
  const mode = {
    policy: aPolicy({ defaultTier: tier, incidents: { staleSeconds: day, rules } }),
    canAsk: false,
    ...(historySeconds !== undefined && { historySeconds }),
    ...(mostPairs !== undefined && { limits: { pairs: mostPairs, hints: 10 } }),
  };
  const ingest = await openIngest({ store, mode, clock: createFakeClock(at) });
  const { state } = ingest;
  let deployed = 0;
  return {
    store,
    state,
    ingest,
    /** Deploys a repo, and so creates its pair. */
    deploy: async (fullName: string, woodpeckerId: number, finishedAt = now - 100) => {
      const record = aRecord({ number: ++deployed, id: 0, finishedAt, updatedAt: finishedAt });
      await deliver(ingest, someFacts({ fullName, woodpeckerId, asOf: finishedAt }), record);
      return state.repoById(woodpeckerId)?.key ?? 0;
    },

    report: (id: string, fields: Partial<IncidentFields> = {}) => {
      const report = saidAt({ repo: 'acme/shop', tier, started: now - 50, ...fields }, at);
      return ingest.submit({ kind: 'incident', id, report });
    },
    alert: async (
      fingerprint: string,
      labels: Readonly<Record<string, string>>,
      end: number | null = null,
    ) => {
      const receipt = { receivedAt: at, isDismissed: false, title: 'Checkout fails', url: null };
      const report = { start: now - 50, end, ...receipt };
      const [answer] = await ingest.submit({ kind: 'alerts', alerts: [{ fingerprint, labels, report }] });
      return answer?.result;
    },
  };
}

function idsOf(state: State, repo: number): readonly string[] {
  return state.incidentsOf(repo, tier).flatMap(({ incidents }) => incidents.map(({ id }) => id));
}

function totalOf(state: State, repo: number): number | undefined {
  return state.pairs.get(pairKey(repo, tier))?.totals.counters[incidentsTotal];
}

/** The state as it is read from the store again. */
async function again({ store }: { readonly store: Store }, settings: Settings = {}) {
  return (await start({ ...settings, store })).state;
}

describe('an incident', () => {
  it('belongs to the pair of its name, ignoring case', async () => {
    const exporter = await start();
    const shop = await exporter.deploy('acme/shop', 11);
    await exporter.report('INC-1', { repo: 'Acme/Shop' });
    await exporter.report('INC-2', { tier: 'staging' });
    expect(idsOf(exporter.state, shop)).toEqual(['INC-1']);
    expect(totalOf(exporter.state, shop)).toBe(1);
    expect(idsOf(await again(exporter), shop)).toEqual(['INC-1']);
  });

  it('creates no pair if its pair is unknown, and counts once the pair appears', async () => {
    const exporter = await start();
    await exporter.report('INC-1');
    expect(exporter.state.pairs.size).toBe(0);
    expect(exporter.state.unknownIncidentPlaces).toBe(1);
    const shop = await exporter.deploy('acme/shop', 11);
    expect(idsOf(exporter.state, shop)).toEqual(['INC-1']);
    expect(totalOf(exporter.state, shop)).toBe(1);
    expect(exporter.state.unknownIncidentPlaces).toBe(0);
    await exporter.deploy('acme/shop', 11);
    expect(totalOf(exporter.state, shop)).toBe(1);
  });

  it('is rejected if the limit on pairs leaves no room for its name', async () => {
    const exporter = await start({ mostPairs: 2 });
    await exporter.deploy('acme/shop', 11);
    expect(await exporter.report('INC-1')).toBe('stored');
    expect(await exporter.report('INC-2', { repo: 'acme/api' })).toBe('stored');
    expect(await exporter.report('INC-3', { repo: 'acme/api' })).toBe('stored');
    expect(await exporter.report('INC-4', { repo: 'acme/web' })).toBe('limit');
    expect(exporter.ingest.turnedAway.incident).toBe(1);
    expect(exporter.state.incidents.reportCount).toBe(3);
  });

  it('reported again is a duplicate, and does not count again', async () => {
    const exporter = await start();
    const shop = await exporter.deploy('acme/shop', 11);
    expect(await exporter.report('INC-1')).toBe('stored');
    expect(await exporter.report('INC-1')).toBe('duplicate');
    expect(await exporter.report('INC-1', { resolved: now - 10 })).toBe('stored');
    expect(totalOf(exporter.state, shop)).toBe(1);
    expect(exporter.state.incidentsOf(shop, tier)[0]?.incidents[0]?.end).toBe(now - 10);
  });

  it('that is withdrawn belongs to no pair and has no title, but stays counted', async () => {
    const exporter = await start();
    const shop = await exporter.deploy('acme/shop', 11);
    await exporter.report('INC-1', { title: 'Checkout fails' });
    await exporter.alert('f1', { dora_repo: 'acme/shop', dora_tier: tier });
    const withdraw = (id: string) => exporter.ingest.submit({ kind: 'withdrawal', id });
    expect(await withdraw('INC-1')).toBe(true);
    expect(await withdraw(`f1-${now - 50}`)).toBe(true);
    expect(await withdraw('INC-2')).toBe(false);
    expect(await withdraw(`f1-${now - 40}`)).toBe(false);
    await exporter.report('INC-1', { title: 'Checkout fails' });
    await exporter.alert('f1', { dora_repo: 'acme/shop', dora_tier: tier }, now - 20);
    for (const state of [exporter.state, await again(exporter)]) {
      expect(idsOf(state, shop)).toEqual([]);
      expect(totalOf(state, shop)).toBe(2);
    }
    await exporter.store.transact(async (tx) => {
      for (const key of ['report/INC-1', 'alert/f1']) {
        expect(JSON.stringify(await tx.incidents.get(key))).not.toContain('Checkout');
      }
    });
  });

  it('loses its title once it is older than the history', async () => {
    const exporter = await start({ historySeconds: 100 });
    await exporter.report('INC-1', { title: 'Checkout fails', resolved: now - 10 });
    await exporter.report('INC-2', { title: 'Checkout fails', started: now - 300, resolved: now - 200 });
    const titled = (store: Store) =>
      store.transact(async (tx) => {
        const texts: (boolean | undefined)[] = [];
        for (const key of ['report/INC-1', 'report/INC-2']) {
          texts.push(JSON.stringify(await tx.incidents.get(key)).includes('Checkout'));
        }
        return texts;
      });
    expect(await titled(exporter.store)).toEqual([true, false]);
    await again(exporter, { historySeconds: 100, at: now + 91 });
    expect(await titled(exporter.store)).toEqual([false, false]);
  });
});

describe('an alert', () => {
  const rule: IncidentRule = { labels: { team: ['web'] }, repo: 'acme/{{service}}', tier };

  it('that no rule maps is not stored', async () => {
    const exporter = await start({ rules: [rule] });
    expect(await exporter.alert('f1', { team: 'api', service: 'shop' })).toBe('no_rule');
    expect(await exporter.alert('f2', { team: 'web', service: 'shop', alertname: 'DoraX' })).toBe(
      'own_alert',
    );
    expect(exporter.state.incidents.isEmpty).toBe(true);
  });

  it('is mapped again under another policy', async () => {
    const exporter = await start({ rules: [rule] });
    const [shop, store] = [await exporter.deploy('acme/shop', 11), await exporter.deploy('acme/store', 12)];
    expect(await exporter.alert('f1', { team: 'web', service: 'shop' })).toBe('stored');
    expect(idsOf(exporter.state, shop)).toEqual([`f1-${now - 50}`]);

    const moved = await again(exporter, { rules: [{ ...rule, repo: 'acme/store' }] });
    expect([idsOf(moved, shop), idsOf(moved, store)]).toEqual([[], [`f1-${now - 50}`]]);
    expect([totalOf(moved, shop), totalOf(moved, store)]).toEqual([1, 0]);

    const unmapped = await again(exporter);
    expect([idsOf(unmapped, shop), idsOf(unmapped, store)]).toEqual([[], []]);
    expect(idsOf(await again(exporter, { rules: [rule] }), shop)).toEqual([`f1-${now - 50}`]);
  });

  it('that is repeated is a duplicate, but its end is stored', async () => {
    const exporter = await start({ rules: [rule] });
    const labels = { team: 'web', service: 'shop' };
    expect(await exporter.alert('f1', labels)).toBe('stored');
    expect(await exporter.alert('f1', labels)).toBe('duplicate');
    expect(await exporter.alert('f1', labels, now - 10)).toBe('stored');
    expect(await exporter.alert('f1', labels, now - 10)).toBe('duplicate');
    expect(exporter.state.incidents.get('alert/f1')?.incidents).toEqual([
      { id: `f1-${now - 50}`, start: now - 50, end: now - 10, receivedAt: now, deployment: null },
    ]);
  });
});

describe('a mark', () => {
  it('loses its reason once it is older than the history, but stays valid', async () => {
    const settings = { historySeconds: 100 };
    const exporter = await start(settings);
    const repo = await exporter.deploy('acme/shop', 11);
    const place = { repo, number: 1, tier };
    const mark = { ...place, mark: { kind: 'fine' }, reason: 'Known', markedAt: now } as const;
    await exporter.ingest.submit({ ...mark, kind: 'mark', repo: 'acme/shop' });
    const stop = new AbortController();
    const clock = createFakeClock(now);
    const ingest = createIngest({ ...exporter, mode: { ...exporter.ingest.mode, ...settings }, clock });
    const running = dropOldTexts({ ingest, clock, log: createLog('error', () => undefined) }, stop.signal);
    const reason = () => exporter.state.markOf(place)?.reason;
    expect(reason()).toBe('Known');
    await expect.poll(reason).toBeNull();
    expect(exporter.state.markOf(place)).toEqual({ ...mark, reason: null });
    stop.abort(new Error('Test is over'));
    await expect(running).rejects.toThrow('Test is over');
  });

  it('is read from the state and from the store until it is dropped', async () => {
    const exporter = await start();
    const repo = await exporter.deploy('acme/shop', 11);
    const place = { repo, number: 1, tier };
    const mark = { ...place, mark: { kind: 'ignore' }, reason: 'Registry was down', markedAt: now } as const;
    expect(await exporter.ingest.submit({ ...mark, kind: 'mark', repo: 'acme/shop' })).toEqual(mark);
    expect(exporter.state.markOf(place)).toEqual(mark);
    expect((await again(exporter)).markOf(place)).toEqual(mark);
    expect(exporter.state.markOf({ ...place, tier: 'staging' })).toBeNull();
    expect(await exporter.ingest.submit({ ...place, kind: 'dropMark', repo: 'acme/shop' })).toBe(true);
    expect(exporter.state.markOf(place)).toBeNull();
    expect((await again(exporter)).markOf(place)).toBeNull();
  });
});
