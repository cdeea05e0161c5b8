/** Incidents of a name that passes from one repo to another: by a rename, a new repo, a deployment, or a merge. */

import { describe, expect, it } from 'vitest';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import { incidentsTotal } from '../../src/core/series/ledger.ts';
import { deliver } from '../support/deliver.ts';
import { project, projectPair } from '../support/projected.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createWorld, type World } from '../support/world.ts';

const dawn = 1_780_272_000;
const hour = 3_600;
const day = 86_400;
const tier = 'production';
/** Memory keeps deployments for 14 days: the window, and the limit of rollbacks. */
const policy = aPolicy({ tiers: [{ tier }], windows: [{ name: '7d', seconds: 7 * day }] });

/** Times in seconds since `dawn`. */
async function start({ forgeRemoteId = null }: { readonly forgeRemoteId?: string | null } = {}) {
  const world = await createWorld({ mode: { policy, canAsk: false }, startsAt: dawn });
  let number = 0;
  const goTo = (at: number): void => world.clock.advance(dawn + at - world.clock.now() / 1000);
  const facts = (woodpeckerId: number | null, fullName: string, at: number) =>
    someFacts({ woodpeckerId, forgeRemoteId, fullName, asOf: dawn + at });
  return {
    world,
    goTo,
    /** A deployment of ten minutes ends. */
    async deploy(at: number, woodpeckerId: number | null, fullName: string) {
      goTo(at);
      number++;
      const commit = number.toString(16).padStart(40, '0');
      const times = { startedAt: dawn + at - 600, finishedAt: dawn + at, updatedAt: dawn + at };
      const record = aRecord({ number, id: 0, commit, createdAt: dawn + at - 600, ...times });
      await deliver(world.ingest, facts(woodpeckerId, fullName, at), record);
    },
    /** One list of repos shows these names. */
    async list(at: number, ...repos: readonly (readonly [woodpeckerId: number, fullName: string])[]) {
      goTo(at);
      const listed = repos.map(([woodpeckerId, fullName]) => facts(woodpeckerId, fullName, at));
      await world.ingest.submit({ kind: 'repos', repos: listed });
    },
    /** A late message contains the name that a repo had. */
    hear: (woodpeckerId: number, fullName: string, at: number) =>
      world.ingest.submit({ kind: 'repos', repos: [facts(woodpeckerId, fullName, at)] }),
    /** An open incident that starts now. */
    async report(at: number, id: string, repo: string) {
      goTo(at);
      const report = saidAt({ repo, tier, started: dawn + at }, dawn + at);
      await world.ingest.submit({ kind: 'incident', id, report });
    },
    /** A report of the alert `f1`; without `end`, it is firing. */
    async alert(at: number, repo: string, start: number, end: number | null = null) {
      goTo(at);
      const times = { start: dawn + start, end: end === null ? null : dawn + end, receivedAt: dawn + at };
      const report = { ...times, isDismissed: false, title: null, url: null };
      const labels = { dora_repo: repo, dora_tier: tier };
      await world.ingest.submit({ kind: 'alerts', alerts: [{ fingerprint: 'f1', labels, report }] });
    },
  };
}

/** The same after `acme/shop`, repo 11, has deployed in the first hour and got an incident in the second. */
async function startFailing(options: Parameters<typeof start>[0] = {}) {
  const story = await start(options);
  await story.deploy(hour, 11, 'acme/shop');
  await story.report(2 * hour, 'INC-1', 'acme/shop');
  return story;
}

/** By name and Woodpecker's id of each repo: its incidents; by name: since when it fails, in seconds since `dawn`. */
function shownOf({ state }: World) {
  const repos = [...state.repos.values()];
  const failing = project(state).flatMap(({ repo }) => {
    const since = projectPair(state, repo, tier)?.failingSince ?? 0;
    return since === 0 ? [] : [[repo, since - dawn] as const];
  });
  return {
    incidents: Object.fromEntries(
      repos.map(({ key, fullName, woodpeckerId }) => [
        `${fullName} ${woodpeckerId}`,
        state.incidentsOf(key, tier).flatMap((entry) => entry.incidents.map(({ id }) => id)),
      ]),
    ),
    failing: Object.fromEntries(failing),
    unknown: state.unknownIncidentPlaces,
  };
}

/** Expects the values now, and again after a restart. */
async function expectShown(
  world: World,
  places: Pick<ReturnType<typeof shownOf>, 'incidents' | 'failing'>,
): Promise<void> {
  const expected = { ...places, unknown: 0 };
  expect(shownOf(world)).toEqual(expected);
  const totals = project(world.state).map((one) => one.totals);
  await world.restart();
  expect(shownOf(world)).toEqual(expected);
  expect(project(world.state).map((one) => one.totals)).toEqual(totals);
}

const totalOf = ({ state }: World, repo: string) =>
  project(state).find((one) => one.repo === repo)?.totals.counters[incidentsTotal];

describe('an incident of repos that share a name', () => {
  it('fails a deployment that memory no longer contains once its repo is again the one that deployed last', async () => {
    const { world, deploy } = await startFailing();
    await deploy(day, 12, 'acme/shop');
    expect(shownOf(world).failing).toEqual({});
    await deploy(40 * day, 12, 'acme/shop');
    await deploy(41 * day, 11, 'acme/shop');
    await expectShown(world, {
      incidents: { 'acme/shop 11': ['INC-1'], 'acme/shop 12': [] },
      failing: { 'acme/shop': hour },
    });
    expect(projectPair(world.state, 'acme/shop', tier)?.failures).toBe(1);
  });

  it('belongs to the one that deployed last, even if memory contains no deployment of either', async () => {
    const { world, deploy, report } = await start();
    await deploy(hour, 12, 'acme/shop');
    await deploy(2 * hour, 11, 'acme/shop');
    await report(30 * day, 'INC-1', 'acme/shop');
    // Each report judges both, so both timelines end at another time.
    await report(60 * day, 'INC-2', 'acme/shop');
    await expectShown(world, {
      incidents: { 'acme/shop 11': ['INC-1', 'INC-2'], 'acme/shop 12': [] },
      failing: {},
    });
  });

  it.each([
    ['unknown ids', null],
    ['the same id', 'forge-1'],
  ])(
    'belongs to a repo that was made anew under its name, with %s on the forge, once that has deployed',
    async (_, forgeRemoteId) => {
      const { world, deploy, report, goTo } = await startFailing({ forgeRemoteId });
      goTo(3 * hour);
      await world.ingest.submit({ kind: 'repoGone', repoId: 11, since: dawn + 3 * hour });
      await deploy(4 * hour, 12, 'acme/shop');
      await report(5 * hour, 'INC-2', 'acme/shop');
      await expectShown(world, {
        incidents: { 'acme/shop 11': [], 'acme/shop 12': ['INC-1', 'INC-2'] },
        failing: { 'acme/shop': 4 * hour },
      });
    },
  );
});

describe('an incident of a repo whose name passes on', () => {
  const followed = {
    incidents: { 'acme/store 11': ['INC-1'], 'acme/shop 12': ['INC-2'] },
    failing: { 'acme/store': hour, 'acme/shop': 4 * hour },
  };

  it('stays with its repo if the rename is known first', async () => {
    const { world, deploy, list, report } = await startFailing();
    await list(3 * hour, [11, 'acme/store']);
    await deploy(4 * hour, 12, 'acme/shop');
    await report(5 * hour, 'INC-2', 'acme/shop');
    await expectShown(world, followed);
  });

  it('stays with its repo if the rename is known only after a new repo took the name and deployed', async () => {
    const { world, deploy, list, report } = await startFailing();
    await deploy(4 * hour, 12, 'acme/shop');
    await report(5 * hour, 'INC-2', 'acme/shop');
    await list(6 * hour, [11, 'acme/store']);
    await expectShown(world, followed);
  });

  it('stays with its repo if the rename is known only when memory no longer contains the deployments', async () => {
    const { world, deploy, list, report } = await startFailing();
    await deploy(4 * hour, 12, 'acme/shop');
    await report(5 * hour, 'INC-2', 'acme/shop');
    await deploy(40 * day, 12, 'acme/shop');
    await list(41 * day, [11, 'acme/store']);
    await expectShown(world, followed);
    // No counter of a name falls: `acme/shop` has shown both.
    expect([totalOf(world, 'acme/store'), totalOf(world, 'acme/shop')]).toEqual([1, 2]);
  });

  it.each([
    ['before', [12, 11]],
    ['after', [11, 12]],
  ] as const)('stays with its repo if a list names the repo that took its name %s it', async (_, order) => {
    const { world, deploy, list } = await startFailing();
    await deploy(3 * hour, 12, 'acme/cart');
    const names = { 11: 'acme/store', 12: 'acme/shop' } as const;
    await list(4 * hour, ...order.map((id) => [id, names[id]] as const));
    await expectShown(world, {
      incidents: { 'acme/store 11': ['INC-1'], 'acme/shop 12': [] },
      failing: { 'acme/store': hour },
    });
  });

  it.each([[[11, 12]], [[12, 11]]] as const)(
    'stays with its repo if two repos exchange their names, in the order %j',
    async (order) => {
      const { world, deploy, list, report } = await start();
      await deploy(hour, 11, 'acme/shop');
      await deploy(2 * hour, 12, 'acme/store');
      await report(3 * hour, 'INC-1', 'acme/shop');
      await report(4 * hour, 'INC-2', 'acme/store');
      const names = { 11: 'acme/store', 12: 'acme/shop' } as const;
      await list(5 * hour, ...order.map((id) => [id, names[id]] as const));
      await expectShown(world, {
        incidents: { 'acme/store 11': ['INC-1'], 'acme/shop 12': ['INC-2'] },
        failing: { 'acme/store': hour, 'acme/shop': 2 * hour },
      });
    },
  );

  it('stays with its repo if the alert that showed it fires again for a new repo with the name', async () => {
    const { world, deploy, list, alert } = await start();
    await deploy(hour, 11, 'acme/shop');
    await alert(2 * hour, 'acme/shop', 2 * hour);
    await alert(3 * hour, 'acme/shop', 2 * hour, 3 * hour);
    await list(4 * hour, [11, 'acme/store']);
    await deploy(5 * hour, 12, 'acme/shop');
    await alert(6 * hour, 'acme/shop', 6 * hour);
    await expectShown(world, {
      incidents: {
        'acme/store 11': [`f1@${dawn + 2 * hour}-${dawn + 2 * hour}`],
        'acme/shop 12': [`f1-${dawn + 6 * hour}`],
      },
      failing: { 'acme/shop': 5 * hour },
    });
    expect([totalOf(world, 'acme/store'), totalOf(world, 'acme/shop')]).toEqual([1, 1]);
  });

  it('no longer fails the former owner if a repo that deployed later is renamed to its name', async () => {
    const { world, deploy, list } = await startFailing();
    await deploy(3 * hour, 12, 'acme/cart');
    await list(4 * hour, [12, 'acme/shop']);
    await expectShown(world, {
      incidents: { 'acme/shop 11': [], 'acme/shop 12': ['INC-1'] },
      failing: {},
    });
  });
});

describe('an incident under a former name', () => {
  it('belongs to the renamed repo even if it is the first one', async () => {
    const { world, deploy, list, report } = await start();
    await deploy(hour, 11, 'acme/shop');
    await list(2 * hour, [11, 'acme/store']);
    await report(3 * hour, 'INC-1', 'acme/shop');
    await expectShown(world, {
      incidents: { 'acme/store 11': ['INC-1'] },
      failing: { 'acme/store': hour },
    });
  });

  it('belongs to the repo that left the name last, also after a restart', async () => {
    const { world, deploy, list, report } = await start();
    await deploy(hour, 11, 'acme/shop');
    await report(2 * hour, 'INC-9', 'acme/shop');
    await list(3 * hour, [11, 'acme/store']);
    await deploy(4 * hour, 12, 'acme/shop');
    await report(5 * hour, 'INC-1', 'acme/shop');
    await list(6 * hour, [12, 'acme/cart']);
    await world.restart();
    await report(7 * hour, 'INC-2', 'acme/shop');
    await expectShown(world, {
      incidents: { 'acme/store 11': ['INC-9'], 'acme/cart 12': ['INC-1', 'INC-2'] },
      failing: { 'acme/store': hour, 'acme/cart': 4 * hour },
    });
  });
});

describe('an incident of two repos that turn out to be one', () => {
  it('belongs to that one', async () => {
    const { world, deploy, report } = await start();
    await deploy(hour, 11, 'acme/shop');
    await deploy(2 * hour, null, 'acme/store');
    await report(3 * hour, 'INC-1', 'acme/store');
    await deploy(4 * hour, 11, 'acme/store');
    await expectShown(world, {
      incidents: { 'acme/store 11': ['INC-1'] },
      failing: { 'acme/store': 2 * hour },
    });
  });

  it('stays in the total of incidents, as one of the other does', async () => {
    const { world, deploy, report } = await start();
    await deploy(hour, 11, 'acme/shop');
    await report(hour, 'INC-1', 'acme/shop');
    await deploy(2 * hour, null, 'acme/store');
    await report(3 * hour, 'INC-2', 'acme/store');
    await deploy(4 * hour, 11, 'acme/store');
    expect(totalOf(world, 'acme/store')).toBe(2);
    await world.restart();
    expect(totalOf(world, 'acme/store')).toBe(2);
  });

  it('belongs to that one even if it was reported under a name that the repo no longer has', async () => {
    const { world, deploy, report, hear } = await start();
    await deploy(hour, 11, 'acme/store');
    await deploy(2 * hour, null, 'acme/shop');
    await report(3 * hour, 'INC-1', 'acme/shop');
    await hear(11, 'acme/shop', hour / 2);
    await expectShown(world, {
      incidents: { 'acme/store 11': ['INC-1'] },
      failing: { 'acme/store': 2 * hour },
    });
  });
});
