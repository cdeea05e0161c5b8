import { describe, expect, it } from 'vitest';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { createWebhook } from '../../src/sources/webhook.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { openIngest } from '../support/open-ingest.ts';
import { project } from '../support/projected.ts';
import { aPolicy } from '../support/records.ts';

const noon = 1_785_500_450;
const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });

/** An exporter with limits on pairs and hints. Two exporters on one `store` are two runs of the process. */
async function createIntake(
  limits: { pairs?: number; hints?: number },
  { canAsk = false, store = openMemoryStore() } = {},
) {
  const clock = createFakeClock(noon);
  const mode: IntakeMode = { policy, canAsk, limits: { pairs: 1e9, hints: 1e9, ...limits } };
  const ingest = await openIngest({ store, mode, clock });
  const { state } = ingest;
  const webhook = createWebhook({ ingest, clock, onEvent: () => undefined });
  const report = (repo: string, number: number, rest: object = {}) =>
    webhook.receive({ repo, number, status: 'success', finished: noon - 60, ...rest });
  const repos = () => store.transact((tx) => tx.repos.all());
  return { store, state, ingest, report, repos };
}

const stored = { kind: 'accepted', result: 'stored' };
const turnedAway = { kind: 'accepted', result: 'ignored', reason: 'limit' };

describe('a limit on pairs', () => {
  it('rejects further repos, stores nothing of them, and accepts known ones', async () => {
    const { state, ingest, report, repos } = await createIntake({ pairs: 3 });
    const answers = [];
    for (let index = 0; index < 1000; index++) answers.push(await report(`acme/r${index}`, 1));
    expect(answers.slice(0, 3)).toEqual([stored, stored, stored]);
    expect(
      answers.slice(3).filter((answer) => JSON.stringify(answer) !== JSON.stringify(turnedAway)),
    ).toEqual([]);
    expect(ingest.turnedAway).toEqual({ repo: 997, pair: 0, hint: 0, incident: 0, mark: 0 });
    expect([(await repos()).length, state.repos.size, state.pairs.size, project(state).length]).toEqual([
      3, 3, 3, 3,
    ]);
    expect(await report('acme/r2', 2)).toEqual(stored);
  });

  it('rejects repos without a pair too if there is no access to Woodpecker', async () => {
    const { state, ingest, report } = await createIntake({ pairs: 3 });
    for (let index = 0; index < 10; index++) await report(`acme/r${index}`, 1, { event: 'pull_request' });
    await Promise.all(Array.from({ length: 10 }, (_, index) => report(`acme/x${index}`, 1)));
    expect([state.repos.size, ingest.turnedAway.repo]).toEqual([3, 17]);
  });

  it('applies to the reports of one turn of the event loop too', async () => {
    const { state, report } = await createIntake({ pairs: 3 });
    await Promise.all(Array.from({ length: 100 }, (_, index) => report(`acme/r${index}`, 1)));
    expect(state.repos.size).toBe(3);
  });

  it('stores pipelines of a further tier without counting them, and counts them once the limit allows', async () => {
    const { store, state, ingest, report } = await createIntake({ pairs: 1 });
    await report('acme/shop', 1);
    expect(await report('acme/shop', 2, { deploy_to: 'production' })).toEqual(turnedAway);
    expect(state.tally.ignored('limit')).toBe(1);
    expect(ingest.turnedAway).toEqual({ repo: 0, pair: 1, hint: 0, incident: 0, mark: 0 });
    expect(project(state).map(({ tier }) => tier)).toEqual(['unassigned']);

    const roomier = await createIntake({ pairs: 2 }, { store });
    expect(roomier.state.tally.ignored('limit')).toBe(0);
    const shown = project(roomier.state).map(({ tier, totals }) => [
      tier,
      totals.counters['dora_deployments_total'],
    ]);
    expect(shown).toEqual([
      ['production', 1],
      ['unassigned', 1],
    ]);
  });
});

describe('a limit on hints', () => {
  it('rejects further hints, but not hints of pipelines that are already polled', async () => {
    const { state, ingest, report } = await createIntake({ hints: 2 }, { canAsk: true });
    const following = { kind: 'accepted', result: 'following' };
    expect(await report('acme/a', 1)).toEqual(following);
    expect(await report('acme/b', 1)).toEqual(following);
    expect(await report('acme/c', 1)).toEqual(turnedAway);
    expect(await report('acme/a', 1)).toEqual(following);
    expect([state.follows.size, ingest.turnedAway.hint]).toEqual([2, 1]);
  });
});
