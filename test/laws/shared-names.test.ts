/**
 * Incidents of a name that changes its owner: what a restart reads from the store is what memory contained, however old
 * the deployments and incidents are.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { deliver } from '../support/deliver.ts';
import { projectWindows } from '../support/projected.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { runs } from '../support/runs.ts';
import { createWorld, type World } from '../support/world.ts';

const dawn = 1_780_272_000;
const day = 86_400;
const tiers = ['production', 'staging'] as const;
const names = ['acme/shop', 'acme/store'] as const;
const ids = [11, 12, 13] as const;
const modeOf = (days: number): IntakeMode => ({
  policy: aPolicy({
    tiers: [
      { tier: 'staging', branches: ['dev'] },
      { tier: 'production', branches: ['main'] },
    ],
    failures: { ...defaultPolicy.failures, incidentSeconds: days * day },
    windows: [{ name: 'window', seconds: days * day }],
  }),
  canAsk: false,
});
const firstMode = modeOf(7);
const modes = [firstMode, modeOf(3)];

interface AboutTier {
  readonly tier: (typeof tiers)[number];
}
type Step =
  | ({
      readonly kind: 'deploy';
      readonly id: (typeof ids)[number];
      readonly status: 'success' | 'failure';
    } & AboutTier)
  | { readonly kind: 'rename'; readonly id: (typeof ids)[number]; readonly name: (typeof names)[number] }
  | ({
      readonly kind: 'incident';
      readonly incident: number;
      readonly name: (typeof names)[number];
      readonly isResolved: boolean;
      readonly daysAgo: number;
    } & AboutTier)
  | ({
      readonly kind: 'alert';
      readonly name: (typeof names)[number];
      readonly isResolved: boolean;
    } & AboutTier)
  | { readonly kind: 'wait'; readonly days: number }
  | { readonly kind: 'restart'; readonly mode: IntakeMode }
  | { readonly kind: 'adopt'; readonly mode: IntakeMode };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deploy' as const),
      id: fc.constantFrom(...ids),
      status: fc.constantFrom('success' as const, 'success' as const, 'failure' as const),
      tier: fc.constantFrom(...tiers),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('rename' as const),
      id: fc.constantFrom(...ids),
      name: fc.constantFrom(...names),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('incident' as const),
      incident: fc.integer({ min: 1, max: 3 }),
      name: fc.constantFrom(...names),
      tier: fc.constantFrom(...tiers),
      isResolved: fc.boolean(),
      daysAgo: fc.constantFrom(0, 0, 1, 20),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('alert' as const),
      name: fc.constantFrom(...names),
      tier: fc.constantFrom(...tiers),
      isResolved: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.constantFrom(0.5, 1, 10, 30) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('restart' as const, 'adopt' as const),
      mode: fc.constantFrom(...modes),
    }),
  },
);

interface Player {
  readonly world: World;
  take(step: Step): Promise<void>;
}

async function start(): Promise<Player> {
  const world = await createWorld({ mode: firstMode, startsAt: dawn });
  const nameOf = new Map<number, string>();
  const now = () => Math.floor(world.clock.now() / 1000);
  let number = 0;
  return {
    world,
    async take(step) {
      world.clock.advance(60);
      switch (step.kind) {
        case 'deploy': {
          const fullName = nameOf.get(step.id) ?? names[0];
          nameOf.set(step.id, fullName);
          number++;
          const facts = someFacts({
            woodpeckerId: step.id,
            forgeRemoteId: `f${step.id}`,
            fullName,
            asOf: now(),
          });
          const times = { createdAt: now() - 40, startedAt: now() - 30, finishedAt: now(), updatedAt: now() };
          const branch = step.tier === 'staging' ? 'dev' : 'main';
          const commit = number.toString(16).padStart(40, '0');
          await deliver(
            world.ingest,
            { ...facts, defaultBranch: branch },
            aRecord({ number, id: number, status: step.status, branch, commit, ...times }),
          );
          return;
        }
        case 'rename': {
          if (!nameOf.has(step.id)) return;
          nameOf.set(step.id, step.name);
          const fullName = step.name;
          const facts = someFacts({
            woodpeckerId: step.id,
            forgeRemoteId: `f${step.id}`,
            fullName,
            asOf: now(),
          });
          await world.ingest.submit({ kind: 'repos', repos: [facts] });
          return;
        }
        case 'incident': {
          const { incident, name: repo, tier, isResolved, daysAgo } = step;
          const started = now() - daysAgo * day - 10;
          const fields = { repo, tier, started, ...(isResolved && { resolved: started + 5 }) };
          await world.ingest.submit({
            kind: 'incident',
            id: `INC-${incident}`,
            report: saidAt(fields, now()),
          });
          return;
        }
        case 'alert': {
          const { name, tier, isResolved } = step;
          const times = { start: now() - 20, end: isResolved ? now() - 5 : null, receivedAt: now() };
          const report = { ...times, isDismissed: false, title: null, url: null };
          const alert = {
            fingerprint: `${name}-${tier}`,
            labels: { dora_repo: name, dora_tier: tier },
            report,
          };
          await world.ingest.submit({ kind: 'alerts', alerts: [alert] });
          return;
        }
        case 'wait':
          world.clock.advance(step.days * day);
          return;
        case 'restart':
          await world.restart(step.mode);
          return;
        case 'adopt':
          await world.ingest.adopt(step.mode);
      }
    },
  };
}

/** What is shown now, and which repo has which incidents. */
async function pictureOf({ ingest, clock, state }: World): Promise<unknown> {
  await ingest.submit({ kind: 'judgeDue' });
  const now = Math.floor(clock.now() / 1000);
  const { series, tiers: sums } = projectWindows(state, ingest.mode.policy.windows, now);
  const incidents = [...state.repos.values()].flatMap(({ key, fullName }) =>
    tiers.map((tier) => [
      `${key} ${fullName} ${tier}`,
      state
        .incidentsOf(key, tier)
        .flatMap((entry) => entry.incidents.map(({ id }) => id))
        .sort(),
    ]),
  );
  return { series, sums, incidents, unknown: state.unknownIncidentPlaces };
}

it('a restart changes nothing about incidents whose name changes its owner', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 20 }), async (steps) => {
      const player = await start();
      for (const step of steps) await player.take(step);
      const before = await pictureOf(player.world);
      await player.world.restart(player.world.ingest.mode);
      expect(await pictureOf(player.world)).toEqual(before);
      await player.world.close();
    }),
    { numRuns: runs(1000) },
  );
});
