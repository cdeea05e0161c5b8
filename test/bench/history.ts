/** A database after years of service. The service's own ingest writes it, without network and process. */

import { defaultPolicy } from '../../src/core/policy.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { systemClock } from '../../src/util/clock.ts';
import { toRecord, toRepoFacts } from '../../src/woodpecker/normalise.ts';
import { WireEvent } from '../../src/woodpecker/wire.ts';
import { loadState } from '../support/load-state.ts';
import { eventBody } from './events.ts';

const daySeconds = 86_400;

export interface History {
  readonly pipelines: number;
  readonly repos: number;
  readonly days: number;
}

/**
 * Fills the database at `path` with pipelines, evenly over the last `days`: two of three are deployments, one of eight
 * of these failed, the rest are of pull requests. Returns the number of deployments, and of those in the last 90 days.
 */
export async function writeHistory(
  path: string,
  { pipelines, repos, days }: History,
): Promise<{ deployments: number; inWindow: number }> {
  const now = Math.floor(Date.now() / 1000);
  const store = openStore(path);
  const mode = { policy: defaultPolicy, canAsk: false };
  const { state } = await loadState(store, mode, now);
  const ingest = createIngest({ store, state, mode, clock: systemClock });
  const perRepo = Math.ceil(pipelines / repos);
  const pauseSeconds = (days * daySeconds) / perRepo;
  const { repo: wireRepo, pipeline: wirePipeline } = WireEvent.parse(
    JSON.parse(eventBody({ repo: 1, number: 1, finished: now })),
  );
  const oldest = now - 90 * daySeconds;
  let deployments = 0;
  let inWindow = 0;
  for (let repo = 1; repo <= repos; repo++) {
    const facts = toRepoFacts(
      { ...wireRepo, id: repo, forge_remote_id: String(1000 + repo), full_name: `acme/shop-${repo}` },
      now,
    );
    const reports = Array.from({ length: perRepo }, (_, index) => {
      const number = index + 1;
      const finished = Math.floor(now - (perRepo - number + 1) * pauseSeconds);
      const wire = {
        ...wirePipeline,
        id: repo * perRepo + number,
        number,
        event: number % 3 === 0 ? 'pull_request' : 'push',
        status: number % 8 === 0 ? 'failure' : 'success',
        commit: (repo * perRepo + number).toString(16).padStart(40, '0'),
        created: finished - 290,
        started: finished - 287,
        finished,
        updated: finished,
      };
      return ingest.submit({ kind: 'report', repo: facts, record: toRecord(wire, 'rest', now) });
    });
    for (const observed of await Promise.all(reports)) {
      for (const one of observed === 'limit' ? [] : observed.pipeline.classification.tiers) {
        if (one.kind !== 'deployment') continue;
        deployments++;
        if (one.at > oldest) inWindow++;
      }
    }
  }
  await ingest.idle();
  await store.close();
  return { deployments, inWindow };
}
