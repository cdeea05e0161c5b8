import { expect, it } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createState } from '../../src/core/series/state.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { someFacts } from '../support/records.ts';

const now = 1_785_500_000;

/** An exporter with access to Woodpecker. `writes` lists the names of the repos that are written. */
function start() {
  const inner = openMemoryStore();
  const writes: string[] = [];
  const store: Store = {
    ...inner,
    transact: (work) =>
      inner.transact((tx) =>
        work({
          ...tx,
          repos: {
            ...tx.repos,
            put: (repo) => {
              writes.push(repo.fullName);
              return tx.repos.put(repo);
            },
          },
        }),
      ),
  };
  const mode = { policy: defaultPolicy, canAsk: true };
  const ingest = createIngest({ store, state: createState(), mode, clock: createFakeClock(now) });
  const told = (facts: Parameters<typeof someFacts>[0]) =>
    ingest.submit({ kind: 'repos', repos: [someFacts(facts)] });
  return { ingest, writes, told };
}

it('a list of known repos writes nothing and leaves the state as it is', async () => {
  const { ingest, writes, told } = start();
  for (let id = 1; id <= 3; id++)
    await told({ woodpeckerId: id, fullName: `acme/shop-${id}`, asOf: now - 60 });
  writes.length = 0;
  const { version } = ingest.state;
  for (let id = 1; id <= 3; id++) await told({ woodpeckerId: id, fullName: `acme/shop-${id}`, asOf: now });
  expect(writes).toEqual([]);
  expect(ingest.state.version).toBe(version);
});

it('a name that a list has confirmed is not replaced by an older report', async () => {
  const { ingest, writes, told } = start();
  await told({ fullName: 'acme/shop', asOf: now - 60 });
  await told({ fullName: 'acme/shop', asOf: now });
  await told({ fullName: 'acme/store', asOf: now - 30 });
  expect(ingest.state.reposByName('acme/shop')).toHaveLength(1);
  await told({ fullName: 'acme/store', asOf: now + 30 });
  expect(ingest.state.reposByName('acme/store')).toHaveLength(1);
  expect(writes).toEqual(['acme/store']);
});
