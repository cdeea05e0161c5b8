/**
 * A simulated Woodpecker with the repo `acme/shop`, and exporters that start and stop on one database. Ends with the test.
 */

import { onTestFinished } from 'vitest';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { FakeWoodpecker } from './fake-woodpecker.ts';
import {
  createLiveHarness,
  type LiveHarness,
  type LiveOptions,
  startSimulatedWoodpecker,
} from './live-harness.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export const shop = 'acme/shop';

export interface SharedWorld {
  readonly clock: SimulatedClock;
  readonly woodpecker: FakeWoodpecker;
  /** Starts an exporter on the shared database. */
  live(options?: Partial<LiveOptions>): Promise<LiveHarness>;
}

export async function createSharedWorld(version?: string): Promise<SharedWorld> {
  const { clock, woodpecker } = await startSimulatedWoodpecker(version);
  onTestFinished(() => woodpecker.close());
  woodpecker.addRepo({ fullName: shop, private: true, access: { alice: 'push' } });
  const store = openMemoryStore();
  return {
    clock,
    woodpecker,
    async live(options = {}) {
      const harness = await createLiveHarness({ clock, woodpecker, store, ...options });
      onTestFinished(() => harness.stop());
      return harness;
    },
  };
}
