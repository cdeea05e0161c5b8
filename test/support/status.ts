/** The status of an exporter that has just started, for the operations page. */

import type { Status, WoodpeckerStatus } from '../../src/pages/status.ts';

/** The constant time of a small exporter's clock: a minute after the pipelines of the v3.17.0 fixtures. */
export const noon = 1_785_500_450;

export const aWoodpecker: WoodpeckerStatus = {
  url: 'https://ci.example.com/ci',
  isUp: true,
  isStreaming: null,
  troubles: [],
  backlog: 0,
  reconciledAt: null,
  missed: 0,
};

export const aStatus = (overrides: Partial<Status> = {}): Status => ({
  version: '1.2.3',
  now: noon,
  startedAt: noon - 3 * 86_400,
  notReady: null,
  woodpecker: null,
  forge: null,
  sources: [],
  following: 0,
  backfills: [],
  adoption: null,
  ignored: [],
  events: [],
  repos: 0,
  pairs: 0,
  ...overrides,
});
