/** A simulated Woodpecker with the repo `acme/shop`, and exporters that start and stop on one database. */

import { openMemoryStore } from '../../src/store/sqlite.ts';
import {
  addMine,
  createLiveHarness,
  type Live,
  type LiveHarness,
  type LiveOptions,
  startSimulatedWoodpecker,
} from './live-harness.ts';

export const shop = 'acme/shop';

export interface SharedWorld extends Omit<Live, 'harness'> {
  /** Starts an exporter on the shared database. */
  live(options?: Partial<LiveOptions>): Promise<LiveHarness>;
}

export async function createSharedWorld(version?: string, ahead?: () => number): Promise<SharedWorld> {
  const { clock, woodpecker } = await startSimulatedWoodpecker(version, ahead);
  addMine(shop)(woodpecker);
  const store = openMemoryStore();
  return {
    clock,
    woodpecker,
    live: (options = {}) => createLiveHarness({ clock, woodpecker, store, ...options }),
  };
}
