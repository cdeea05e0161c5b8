/**
 * Seeded chaos: hundreds of pipelines with every kind of end run on a fake Woodpecker. Meanwhile, everything between it
 * and the exporter fails at times, and the exporter is killed and started again. At the end, /metrics equals the values
 * that an oracle computes from the tables of the fake alone, and no counter has ever fallen between two scrapes.
 *
 * `DORA_TEST_CHAOS_SEED` repeats a run. The seed is printed, and every failure's message contains it.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type ExporterProcess,
  parseMetrics,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { type FakeWoodpecker, type Repo, startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { runsAll } from '../support/runs.ts';
import { expectedSeries, historyDays, metricNames, policyText } from './expected.ts';
import { createLives, type Lives, tickMs } from './lives.ts';
import { createRandom } from './random.ts';
import { createWatch, scrape, shownSeries, type Watch } from './watch.ts';
import { blow } from './weather.ts';

const fieldOrder = Object.keys(metricNames);
const defaultSeed = 20_260_131;
const seed = Number(process.env['DORA_TEST_CHAOS_SEED'] || defaultSeed);

interface Chaos {
  readonly version: string;
  readonly as: 'user' | 'admin';
  readonly pipelines: number;
  readonly seconds: number;
  readonly kills: number;
}

const everyChaos: readonly Chaos[] = [
  { version: '3.17.0', as: 'user', pipelines: 400, seconds: 8, kills: 3 },
  { version: '3.13.0', as: 'user', pipelines: 250, seconds: 6, kills: 2 },
  { version: '2.8.3', as: 'user', pipelines: 100, seconds: 3, kills: 1 },
  { version: '3.17.0', as: 'admin', pipelines: 100, seconds: 3, kills: 1 },
];

describe(`chaos with seed ${seed}`, () => {
  it.each<Chaos>(runsAll ? everyChaos : everyChaos.slice(0, 1))(
    'ends with the values in the tables of Woodpecker $version, with a token of the role $as, and no counter ever falls',
    async (chaos) => {
      process.stdout.write(
        `Chaos: seed ${seed}, Woodpecker ${chaos.version}, token of a plain ${chaos.as}\n`,
      );
      const { woodpecker, lives, watch, exporter, kills } = await run(chaos);
      const differences = async (): Promise<string[]> =>
        compare(
          shownSeries(parseMetrics(await scrape(exporter.metricsUrl))),
          expectedSeries(woodpecker, isVisibleTo(woodpecker, chaos.as), lives.defaultBranches),
        );

      // A repo that was deactivated before it was read is shown once it is read, and removed only after some rounds
      // without it.
      const backlog = async () =>
        parseMetrics(await scrape(exporter.metricsUrl)).get('dora_exporter_backlog');
      await expect.poll(backlog, { interval: 200 }).toBe(0);
      await rounds(woodpecker, 5);
      await expect.poll(differences, { interval: 200 }).toEqual([]);
      await rounds(woodpecker, 2);
      expect(await differences()).toEqual([]);
      watch.stop();
      expect(watch.falls).toEqual([]);
      expect(halfFilled(lives, watch)).toEqual([]);

      expect(kills).toBe(chaos.kills);
      expect(watch.scrapes).toBeGreaterThan(chaos.seconds * 3);
      expect(lives.counts.size).toBeGreaterThan(15);
      expect(exporter.output()).not.toContain('Cannot go on');
    },
  );
});

/** Waits until reconciliation has begun this number of further rounds. */
async function rounds(woodpecker: FakeWoodpecker, count: number): Promise<void> {
  const begun = () => woodpecker.requests.filter(({ path }) => path.endsWith('/api/user/feed')).length;
  const before = begun();
  await expect.poll(() => begun() - before).toBeGreaterThanOrEqual(count);
}

async function run(chaos: Chaos) {
  const woodpecker = await startFakeWoodpecker({ version: chaos.version });
  const calm = new AbortController();
  const watch = createWatch();
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'policy.yaml'), policyText);
  const hints = createRandom(seed, `hints ${chaos.version} ${chaos.as}`);
  let exporter: ExporterProcess | null = null;

  /** A step's webhook: most steps send none, some send two, and the exporter may not be listening. */
  const hint = (repo: Repo, number: number): void => {
    const copies = hints.isLucky(0.7) ? 0 : hints.isLucky(0.25) ? 2 : 1;
    const wrong = hints.isLucky(0.03) ? 10_000 : 0;
    for (let i = 0; i < copies; i++) {
      exporter?.post({ repo: repo.full_name, number: number + wrong }).catch(() => undefined);
    }
  };
  const lives = createLives({
    woodpecker,
    random: createRandom(seed, `lives ${chaos.version} ${chaos.as}`),
    pipelines: chaos.pipelines,
    ticks: Math.floor((chaos.seconds * 1000) / tickMs),
    onNews: hint,
  });
  if (chaos.as === 'admin') woodpecker.grant('root', 'acme/shop', 'push');
  const env = {
    DORA_DATABASE: join(folder, 'dora.db'),
    DORA_POLICY: join(folder, 'policy.yaml'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: chaos.as === 'admin' ? woodpecker.adminToken : woodpecker.userToken,
    DORA_RECONCILE_INTERVAL: '1s',
    DORA_BACKFILL_HISTORY: `${historyDays}d`,
    DORA_LOG_LEVEL: 'debug',
  };
  exporter = await startExporter(env);
  const watching = watch.run(() => exporter?.metricsUrl ?? null);
  const storm = blow(woodpecker, createRandom(seed, `weather ${chaos.version} ${chaos.as}`), calm.signal);

  let kills = 0;
  const killing = (async () => {
    const random = createRandom(seed, `kills ${chaos.version} ${chaos.as}`);
    const share = (chaos.seconds * 1000) / (chaos.kills + 1);
    for (; kills < chaos.kills; kills++) {
      await delay(share * (0.4 + random.next() * 0.8));
      const old = exporter;
      exporter = null;
      await old?.stop('SIGKILL');
      exporter = await startExporter(env);
    }
  })();
  const began = performance.now();
  for (let ticks = 1; lives.tick(); ticks++) {
    const ahead = began + ticks * tickMs - performance.now();
    if (ahead > 0) await delay(ahead);
  }
  await killing;
  calm.abort();
  await storm;
  watching.catch(() => undefined);
  if (!exporter) throw new Error('No exporter is left');
  return { woodpecker, lives, watch, exporter, kills };
}

function isVisibleTo(woodpecker: FakeWoodpecker, as: Chaos['as']): (repo: Repo) => boolean {
  const alice = woodpecker.user('alice');
  // A known repo stays as long as the token may read it, whether it is listed or not.
  return (repo) =>
    as === 'admin' ||
    repo.visibility === 'public' ||
    (alice !== null && woodpecker.accessOf(alice, repo) !== null);
}

/** Series that were shown before the history of their repo was complete. */
function halfFilled(lives: Lives, watch: Watch): string[] {
  return [...lives.historyOf].flatMap(([repo, history]) => {
    const first = watch.firstSeen.get(`dora_deployments_total{repo="${repo}",tier="unassigned"}`);
    const isHalf = first !== undefined && first < historyInTier(repo, history);
    return isHalf ? [`${repo}: ${first} of ${history}`] : [];
  });
}

/** Pushes of infrastructure repos are in another tier. */
function historyInTier(repo: string, history: number): number {
  return repo.startsWith('acme/infra-') ? 0 : history;
}

/** One line for each series with unexpected values. */
function compare(shown: Record<string, unknown>, expected: Record<string, unknown>): string[] {
  return [...new Set([...Object.keys(shown), ...Object.keys(expected)])].sort().flatMap((key) => {
    const [is, should] = [shown[key], expected[key]].map((one) => JSON.stringify(one, fieldOrder));
    return is === should ? [] : [`${key}: shown ${is}, expected ${should}`];
  });
}
