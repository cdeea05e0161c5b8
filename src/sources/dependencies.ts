/** The dependencies of the sources. Each source picks the ones that it needs. */

import type { Ingest } from '../ingest/ingest.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import type { WoodpeckerClient } from '../woodpecker/client.ts';
import type { OnEvent } from './event-labels.ts';

export interface Dependencies {
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: OnEvent;
}

/** The dependencies of a scan of a list of pipelines. */
export type ScanDependencies = Omit<Dependencies, 'log'>;
