/**
 * How many single pipelines the search for outcomes beyond the history requests, if list rows lack the deciding
 * fields.
 */

import { expect, it, onTestFinished } from 'vitest';
import type { Policy } from '../../src/core/policy.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { createHarness } from '../support/harness.ts';
import { aPolicy } from '../support/records.ts';

const day = 86_400;
const now = Math.floor(Date.now() / 1000);
const underParts = aPolicy({ tiers: [{ tier: 'production', workflows: ['release'] }] });

/** Two repos, each with `count` pipelines of one status, one an hour from 200 days ago on. */
async function startWithOldPipelines(count: number, status: 'success' | 'failure'): Promise<FakeWoodpecker> {
  const woodpecker = await startFakeWoodpecker({ version: '2.8.3' });
  onTestFinished(() => woodpecker.close());
  for (const fullName of ['acme/shop', 'acme/site']) {
    const repo = woodpecker.addRepo({ fullName, access: { alice: 'push' } });
    for (let index = 0; index < count; index++) {
      const created = now - 200 * day + index * 3600;
      woodpecker.addPipeline(repo, { status, created, started: created + 1, finished: created + 60 });
    }
  }
  return woodpecker;
}

it.each<[why: string, status: 'success' | 'failure', policy: Policy]>([
  ['failures of a server before 3.14', 'failure', aPolicy()],
  ['successes under a part rule, none of which reached the part', 'success', underParts],
])(
  'the search for last outcomes requests at most 200 single pipelines per repo: %s',
  async (_, status, policy) => {
    const woodpecker = await startWithOldPipelines(300, status);
    const harness = await createHarness({ woodpecker, policy });
    await harness.backfill.atStart();

    const asked = woodpecker.requests.flatMap(
      ({ path }) => /repos\/(\d+)\/pipelines\/\d+$/.exec(path)?.[1] ?? [],
    );
    expect(asked.filter((repo) => repo === '1')).toHaveLength(200);
    expect(asked.filter((repo) => repo === '2')).toHaveLength(200);
  },
);
