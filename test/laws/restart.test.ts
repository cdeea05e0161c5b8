import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreReasons } from '../../src/core/classification.ts';
import { longestWindowSeconds } from '../../src/core/policy.ts';
import { type Follow, followKey } from '../../src/core/poll-schedule.ts';
import { anyHistory, dawn, type History } from '../support/dora-histories.ts';
import { playHistory } from '../support/dora-play.ts';
import { project } from '../support/projected.ts';
import { someFacts } from '../support/records.ts';
import { runs } from '../support/runs.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import {
  createMemoryHost,
  createSqliteHost,
  createWorld,
  type StoreHost,
  snapshotOf,
  type World,
} from '../support/world.ts';

/** Changes of the state that are not observations. */
type Incident =
  | { readonly kind: 'rename'; readonly id: number; readonly fullName: string; readonly asOf: number }
  | { readonly kind: 'branch'; readonly id: number; readonly defaultBranch: string }
  | {
      readonly kind: 'hint';
      readonly target: Follow['target'];
      readonly number: number;
      readonly hintedAt: number | null;
    }
  | { readonly kind: 'drop'; readonly target: Follow['target']; readonly number: number };

const anyTarget = () => fc.constantFrom<Follow['target'][]>(1, 3, 'acme/shop', 'ACME/dns');
const anyIncident = (): fc.Arbitrary<Incident> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('rename' as const),
      id: fc.constantFrom(1, 2, 3),
      fullName: fc.constantFrom('acme/shop', 'acme/Shop', 'acme/dns', 'acme/store'),
      asOf: fc.integer({ min: dawn, max: dawn + 20 }),
    }),
    fc.record({
      kind: fc.constant('branch' as const),
      id: fc.constantFrom(1, 2, 3),
      defaultBranch: fc.constantFrom('trunk', 'feature'),
    }),
    fc.record({
      kind: fc.constant('hint' as const),
      target: anyTarget(),
      number: fc.integer({ min: 1, max: 5 }),
      hintedAt: fc.constantFrom(null, dawn),
    }),
    fc.record({
      kind: fc.constant('drop' as const),
      target: anyTarget(),
      number: fc.integer({ min: 1, max: 5 }),
    }),
  );

interface Case {
  readonly history: History;
  /** One after each of the first commits. */
  readonly incidents: readonly (Incident | null)[];
}

/** Scans only exist if Woodpecker can be asked. */
const anyCase = (canAsk: boolean): fc.Arbitrary<Case> =>
  fc.record({
    history: anyHistory({ corrections: true, scans: canAsk }),
    incidents: fc.array(fc.option(anyIncident(), { freq: 2, nil: null }), { maxLength: 12 }),
  });

async function take(world: World, incident: Incident): Promise<void> {
  const { ingest, state } = world;
  switch (incident.kind) {
    case 'rename': {
      const { id, fullName, asOf } = incident;
      const facts = someFacts({ woodpeckerId: id, fullName, asOf, forgeRemoteId: null });
      await ingest.submit({ kind: 'repos', repos: [facts] });
      return;
    }
    case 'branch': {
      const repo = state.repoById(incident.id);
      if (!repo) return;
      const { woodpeckerId, fullName, namedAt } = repo;
      const { defaultBranch } = incident;
      const facts = { woodpeckerId, fullName, defaultBranch, forgeRemoteId: null, asOf: namedAt };
      await ingest.submit({ kind: 'repos', repos: [facts] });
      return;
    }
    case 'hint': {
      const { target, number, hintedAt } = incident;
      await world.inUnitOfWork(({ follows }) =>
        follows.put({ target, number, createdAt: dawn, polledAt: null, hintedAt }),
      );
      return;
    }
    case 'drop': {
      const follow = state.follows.get(followKey(incident));
      if (follow) await ingest.submit({ kind: 'dropFollow', follow });
      return;
    }
    default:
      incident satisfies never;
  }
}

const everything = (world: World) => {
  const { policy } = world.ingest.mode;
  return {
    ...(snapshotOf(world.state, world.clock.now() / 1000 - longestWindowSeconds(policy)) as object),
    ignored: ignoreReasons.map((reason) => [reason, world.state.tally.ignored(reason)]),
    shown: project(world.state),
  };
};

/** Compares the state before and after a restart at the end of a history. */
async function expectSameAfterRestart(played: Case, canAsk: boolean, host: StoreHost): Promise<void> {
  const { history } = played;
  const incidents = [...played.incidents];
  const world = await createWorld({ mode: { policy: history.policy, canAsk }, host, startsAt: dawn });
  await playHistory(history, world, {
    ...{ asksForge: false, fallback: null },
    ...(canAsk && { horizon: dawn - 2 * 86_400 }),
    async onSettled() {
      const incident = incidents.shift();
      if (incident) await take(world, incident);
    },
  });
  const before = everything(world);
  await world.restart();
  const after = everything(world);
  await world.close();
  expect(after).toEqual(before);
}

describe('the state after a restart', () => {
  it.each([
    ['a Woodpecker that can be asked', true],
    ['webhooks alone', false],
  ])('is the state before, with %s', async (_, canAsk) => {
    await fc.assert(
      fc.asyncProperty(anyCase(canAsk), (played) =>
        expectSameAfterRestart(played, canAsk, createMemoryHost()),
      ),
      { numRuns: runs(300) },
    );
  });

  it('is the state before, with a SQLite file', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase(true), async (played) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        await expectSameAfterRestart(played, true, host).finally(folder.remove);
      }),
      { numRuns: runs(30) },
    );
  });
});
