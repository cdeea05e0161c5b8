/** One commit under several ids, tested through ingest with a forge of each kind: it is delivered once. */

import { describe, expect, it, onTestFinished } from 'vitest';
import { lookupsOf } from '../../src/core/lead-time-lookups.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import { inAscendingOrder, noValues } from '../../src/core/windows/values.ts';
import { windowDistributions } from '../../src/core/windows/window-content.ts';
import { createForge, forgeKinds } from '../../src/forge/create-forge.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { deliver } from '../support/deliver.ts';
import { startFakeForge } from '../support/fake-forge.ts';
import { projectWindows } from '../support/projected.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld } from '../support/world.ts';

const leadTimesPlace = windowDistributions.findIndex(({ name }) => name === 'change_lead_time_seconds');

const start = 1_785_000_000;
const day = 86_400;
const facts = someFacts({ woodpeckerId: 11, fullName: 'acme/shop' });
const windows = [{ name: '90d', seconds: 90 * day }];

type Kind = (typeof forgeKinds)[number];

async function createStory(kind: Kind, fallback: 'created' | null = null) {
  const fake = await startFakeForge({ kind });
  onTestFinished(fake.close);
  fake.addRepo('acme/shop');
  const { url, token } = fake;
  const forge = createForge({ kind, url, token, sleep: async () => undefined });
  const folder = createTemporaryFolder();
  onTestFinished(folder.remove);
  const mode: IntakeMode = {
    policy: aPolicy({ windows, leadTime: { fallback } }),
    canAsk: false,
    asksForge: true,
  };
  const world = await createWorld({
    mode,
    host: createSqliteHost(folder.pathOf('dora.db')),
    startsAt: start + 10 * day,
  });
  onTestFinished(() => world.close());
  let number = 0;
  const lookups = () =>
    [...world.state.timelines].flatMap(([key, timeline]) =>
      lookupsOf(timeline, world.state.pairs.get(key)?.tier ?? ''),
    );
  const { signal } = new AbortController();

  return {
    fake,
    world,
    /** A commit made `atDay` days after the start, with these parents. */
    commit: (atDay: number, ...parents: string[]) =>
      fake.commit('acme/shop', { parents, committedAt: start + atDay * day }),
    tag: (name: string, target: string) => fake.tag('acme/shop', { name, target }),
    async deploy(commit: string, atDay: number): Promise<void> {
      number++;
      const at = start + atDay * day;
      const record = aRecord({
        number,
        id: number,
        commit,
        createdAt: at - 4,
        startedAt: at - 3,
        finishedAt: at,
        updatedAt: at,
      });
      await deliver(world.ingest, facts, record);
    },
    /** Looks up the newest commit first, until no look-up is left. */
    async ask(): Promise<void> {
      for (let lookup = lookups().at(-1); lookup; lookup = lookups().at(-1)) {
        const { base, head } = lookup;
        const told = await forge.compare({ fullName: 'acme/shop', forgeRemoteId: null }, base, head, signal);
        const { range, commit } = told;
        const answer = { ...lookup, change: { base, head, range }, commit, isOlder: false };
        await world.ingest.submit({ kind: 'commits', answers: [answer] });
      }
    },
    commits: () => {
      const repo = world.state.reposByName('acme/shop')[0]?.key ?? 0;
      return world.state.timelines.get(pairKey(repo, 'unassigned'))?.recent.map(({ commit }) => commit);
    },
    /** Lead times in the window, in days, and the number of deployments whose lead time is unknown. */
    shown() {
      const { series } = projectWindows(world.state, windows, start + 10 * day);
      const { totals, windows: held } = series[0] ?? {};
      const samples = inAscendingOrder(held?.[0]?.samples[leadTimesPlace] ?? noValues);
      return {
        days: samples.map((seconds) => Math.round(seconds / day)),
        unknown: totals?.counters['dora_change_lead_time_unknown_total'],
      };
    },
  };
}

describe.each(forgeKinds)('a commit with several ids on %s', (kind) => {
  describe.each([null, 'created'] as const)('with the fallback %s', (fallback) => {
    it('is delivered by its push, and not again by its annotated tag', async () => {
      const story = await createStory(kind, fallback);
      const first = story.commit(0);
      await story.deploy(first, 3);
      await story.deploy(story.tag('v1', first), 4);
      await story.ask();
      expect(story.shown()).toEqual({ days: [3], unknown: 0 });
      expect(story.commits()).toEqual([first, first]);
    });

    it('is delivered by its tag, and not again by its release or by a push', async () => {
      const story = await createStory(kind, fallback);
      const [first, second] = [story.commit(0), story.commit(1)];
      await story.deploy(story.tag('v1', first), 3);
      await story.deploy(first, 4);
      await story.ask();
      expect(story.shown()).toEqual({ days: [3], unknown: 0 });
      await story.deploy(second, 5);
      await story.deploy(story.tag('v2', second), 6);
      await story.deploy(second, 7);
      await story.ask();
      expect(story.commits()).toEqual([first, first, second, second, second]);
    });

    it('is delivered once by the tag of a candidate, the final tag, and a tag of that tag', async () => {
      const story = await createStory(kind, fallback);
      const first = story.commit(0);
      const second = story.commit(2, first);
      const final = story.tag('v2', second);
      await story.deploy(first, 1);
      await story.deploy(story.tag('v2-rc.1', second), 4);
      await story.deploy(final, 5);
      await story.deploy(story.tag('stable', final), 6);
      await story.ask();
      expect(story.shown()).toEqual({ days: [1, 2], unknown: 0 });
      expect(story.commits()).toEqual([first, second, second, second]);
    });

    it('is the same commit when it is rolled back and rolled forward again', async () => {
      const story = await createStory(kind, fallback);
      const first = story.commit(0);
      const second = story.commit(2, first);
      const [one, two] = [story.tag('v1', first), story.tag('v2', second)];
      for (const [index, id] of [one, two, first, second, one, two].entries()) {
        await story.deploy(id, 3 + index);
        await story.ask();
      }
      expect(story.shown()).toEqual({ days: [2, 3], unknown: 0 });
      expect(story.commits()).toEqual([first, second, first, second, first, second]);
    });

    it('is known by all its ids after a restart, and is not looked up again', async () => {
      const story = await createStory(kind, fallback);
      const first = story.commit(0);
      const tag = story.tag('v1', first);
      await story.deploy(first, 3);
      await story.deploy(tag, 4);
      await story.ask();
      await story.world.restart();
      expect(story.commits()).toEqual([first, first]);
      story.fake.clearRequests();
      await story.deploy(tag, 5);
      await story.deploy(first, 6);
      await story.ask();
      expect(story.shown()).toEqual({ days: [3], unknown: 0 });
      expect(story.fake.requests).toEqual([]);
    });

    it('has no lead time until the forge has resolved its ids', async () => {
      const story = await createStory(kind, fallback);
      const first = story.commit(0);
      const second = story.commit(2, first);
      await story.deploy(first, 3);
      await story.deploy(story.tag('v1', first), 4);
      await story.deploy(story.tag('v2', second), 5);
      await story.deploy(second, 6);
      expect(story.shown()).toEqual({ days: [], unknown: 0 });
      await story.ask();
      expect(story.shown()).toEqual({ days: [3, 3], unknown: 0 });
    });
  });

  it('is delivered once even if an id is abbreviated or in upper case', async () => {
    const story = await createStory(kind);
    const first = story.commit(0);
    await story.deploy(first, 3);
    await story.deploy(first.slice(0, 10), 4);
    await story.deploy(first.toUpperCase(), 5);
    await story.ask();
    expect(story.shown()).toEqual({ days: [3], unknown: 0 });
    expect(story.commits()).toEqual([first, first, first]);
  });

  it('has one lead time, from its first pipeline, if the forge has lost the commit before it', async () => {
    const story = await createStory(kind, 'created');
    const second = story.commit(2, story.commit(0));
    await story.deploy('f00d'.repeat(10), 1);
    await story.deploy(story.tag('v2', second), 5);
    await story.deploy(second, 6);
    await story.ask();
    expect(story.commits()).toEqual(['f00d'.repeat(10), second, second]);
    expect(story.shown()).toEqual({ days: [0, 0], unknown: 0 });
  });
});
