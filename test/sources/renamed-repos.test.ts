/**
 * A repo whose rename becomes known late, from webhooks alone: a report may use the new name before an event
 * connects that name with the repo's id. That each pipeline counts once, whatever comes first, is a law:
 * `test/laws/renames.test.ts`.
 */

import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });

type Message = (exporter: SmallExporter) => Promise<unknown>;

/** An event of a repo, number 7 by default. */
const event =
  (
    name: string,
    number: number,
    { repo = 7, ...pipeline }: Readonly<Record<string, unknown>> = {},
  ): Message =>
  (exporter) =>
    exporter.receive({
      repo: { id: repo, forge_remote_id: `4${repo}`, full_name: name, default_branch: 'main' },
      pipeline: {
        id: 100 + number,
        number,
        event: 'push',
        status: 'success',
        branch: 'main',
        created: noon - 1000 + number * 10,
        started: noon - 1000 + number * 10,
        finished: noon - 995 + number * 10,
        updated: noon - 995 + number * 10,
        ...pipeline,
      },
    });

/** A step's report without the repo's id. */
const report =
  (name: string, number: number, fields: Readonly<Record<string, unknown>> = {}): Message =>
  (exporter) =>
    exporter.receive({
      repo: name,
      number,
      status: 'success',
      event: 'push',
      branch: 'main',
      finished: noon - 995 + number * 10,
      ...fields,
    });

const restart = 'restart';

async function play(...messages: readonly (Message | typeof restart)[]): Promise<SmallExporter> {
  const store = openMemoryStore();
  let exporter = await createSmallExporter({ store, policy });
  const highest = new Map<string, number>();
  for (const message of messages) {
    if (message === restart) exporter = await createSmallExporter({ store, policy });
    else await message(exporter);
    for (const name of ['acme/shop', 'acme/store']) {
      for (const tier of ['production', 'unassigned']) {
        const count = exporter.shown(name, tier)?.deployments;
        if (count === undefined) continue;
        expect(count, `${name} ${tier}`).toBeGreaterThanOrEqual(highest.get(`${name} ${tier}`) ?? 0);
        highest.set(`${name} ${tier}`, count);
      }
    }
  }
  return exporter;
}

/** Repos by id and name, and the number of counted deployments by name. */
async function shownOf(exporter: SmallExporter) {
  const count = (name: string, tier?: string) => exporter.shown(name, tier)?.deployments ?? null;
  return {
    repos: (await exporter.repos()).map(({ woodpeckerId, fullName }) => [woodpeckerId, fullName]),
    numbers: (await exporter.pipelines()).map(({ record }) => record.number),
    shop: count('acme/shop'),
    store: count('acme/store'),
    production: count('acme/store', 'production'),
  };
}

const renamed = { repos: [[7, 'acme/store']], shop: null, production: null };

describe('a report without an id under a new name', () => {
  it('keeps the tier that it was first counted for if the event names another', async () => {
    const exporter = await play(
      event('acme/shop', 1),
      report('acme/store', 2),
      event('acme/store', 2, { event: 'deployment', deploy_to: 'production' }),
    );
    expect(await shownOf(exporter)).toEqual({ ...renamed, numbers: [1, 2], store: 2, production: 0 });
  });
});

describe('a report without an id under an old name', () => {
  it('belongs to another repo if the rename was long ago', async () => {
    const exporter = await play(event('acme/shop', 1), event('acme/store', 2), async (one) => {
      one.clock.advance(2 * 86_400);
      await report('acme/shop', 1, { finished: noon + 2 * 86_400 })(one);
    });
    expect(await shownOf(exporter)).toMatchObject({ shop: 1, store: 2 });
  });
});

describe('a name that another repo takes before the rename is known', () => {
  const takenOver = [event('acme/shop', 1), event('acme/shop', 2), event('acme/shop', 3, { repo: 8 })];

  it('keeps its counters, and the renamed repo takes its own to the new name', async () => {
    const exporter = await play(...takenOver, event('acme/store', 4), event('acme/shop', 5, { repo: 8 }));
    expect(await shownOf(exporter)).toMatchObject({
      repos: [
        [7, 'acme/store'],
        [8, 'acme/shop'],
      ],
      shop: 4,
      store: 3,
    });
  });

  it('keeps its counters after a restart', async () => {
    const exporter = await play(...takenOver, event('acme/store', 4), restart);
    expect(await shownOf(exporter)).toMatchObject({ shop: 3, store: 3 });
  });

  it('passes its counters on if its new repo is renamed too', async () => {
    const exporter = await play(
      ...takenOver,
      event('acme/store', 4),
      report('acme/shop-2', 6),
      event('acme/shop-2', 6, { repo: 8 }),
    );
    expect(exporter.shown('acme/shop-2')?.deployments).toBe(2 + 1 + 1);
  });
});
