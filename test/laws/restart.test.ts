import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreReasons } from '../../src/core/classification.ts';
import { longestWindowSeconds } from '../../src/core/policy.ts';
import { type Follow, followKey } from '../../src/core/poll-schedule.ts';
import { anyDeliveries, anyStories, type Delivery, daySeconds, epoch } from '../support/histories.ts';
import { rulesByTarget } from '../support/oracle.ts';
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

const { policy } = rulesByTarget;

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

type Step = { readonly delivery: Delivery } | { readonly incident: Incident };

const anyTarget = () => fc.constantFrom<Follow['target'][]>(1, 3, 'acme/shop', 'ACME/infra-dns');
const anyIncident = (): fc.Arbitrary<Incident> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('rename' as const),
      id: fc.constantFrom(1, 2, 3),
      fullName: fc.constantFrom('acme/shop', 'acme/Shop', 'acme/infra-dns', 'acme/store'),
      asOf: fc.integer({ min: epoch, max: epoch + 9 }),
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
      hintedAt: fc.constantFrom(null, epoch),
    }),
    fc.record({
      kind: fc.constant('drop' as const),
      target: anyTarget(),
      number: fc.integer({ min: 1, max: 5 }),
    }),
  );

/** Scans only exist if Woodpecker can be asked. */
const anySteps = (canAsk: boolean): fc.Arbitrary<Step[]> =>
  anyStories({ corrections: true, renames: true, maxLength: 8 })
    .chain((stories) =>
      canAsk
        ? anyDeliveries(stories, {
            origins: ['live', 'scan'],
            nexts: ['join', 'commit', 'release', 'restart'],
          })
        : anyDeliveries(stories, { origins: ['live'], nexts: ['join', 'commit', 'restart'] }),
    )
    .chain((deliveries) =>
      fc
        .array(fc.record({ at: fc.nat({ max: deliveries.length }), incident: anyIncident() }), {
          maxLength: 6,
        })
        .map((incidents) =>
          deliveries.flatMap((delivery, index): Step[] => [
            ...incidents.filter(({ at }) => at === index).map(({ incident }) => ({ incident })),
            { delivery },
          ]),
        ),
    );

async function take(world: World, step: Step): Promise<void> {
  if ('delivery' in step) return world.play([step.delivery]);
  const { incident } = step;
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
        follows.put({ target, number, createdAt: epoch, polledAt: null, hintedAt }),
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

const everything = (world: World) => ({
  ...(snapshotOf(world.state, world.clock.now() / 1000 - longestWindowSeconds(policy)) as object),
  ignored: ignoreReasons.map((reason) => [reason, world.state.tally.ignored(reason)]),
  shown: project(world.state),
});

/** Compares the state before and after a restart at the end of `steps`. */
async function expectSameAfterRestart(
  steps: readonly Step[],
  canAsk: boolean,
  host: StoreHost,
): Promise<void> {
  const world = await createWorld({ mode: { policy, canAsk }, host, horizon: epoch + 90 * daySeconds });
  for (const step of steps) await take(world, step);
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
      fc.asyncProperty(anySteps(canAsk), (steps) =>
        expectSameAfterRestart(steps, canAsk, createMemoryHost()),
      ),
      { numRuns: runs(300) },
    );
  });

  it('is the state before, with a SQLite file', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps(true), async (steps) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        await expectSameAfterRestart(steps, true, host).finally(folder.remove);
      }),
      { numRuns: runs(30) },
    );
  });
});
