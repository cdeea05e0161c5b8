/** Webhooks alone, while a repo is renamed: each pipeline counts once, under any name and in any order. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { runs } from '../support/runs.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

const names = ['acme/shop', 'acme/store'] as const;
const lastOfShop = 2;
const highest = 5;

/** `event`: with the repo's id and its name at that time; `report`: without the id, and with either name. */
type Step =
  | { readonly kind: 'event'; readonly number: number }
  | { readonly kind: 'report'; readonly number: number; readonly name: string }
  | { readonly kind: 'restart' };

const finishOf = (number: number) => noon - 1000 + number * 10;
const statusOf = (number: number) => (number % 2 === 0 ? 'failure' : 'success');

async function take(exporter: SmallExporter, step: Exclude<Step, { kind: 'restart' }>): Promise<void> {
  const { number } = step;
  const at = finishOf(number);
  const about = { number, event: 'push', branch: 'main', status: statusOf(number), finished: at };
  if (step.kind === 'report') await exporter.receive({ ...about, repo: step.name });
  else {
    const name = number <= lastOfShop ? names[0] : names[1];
    await exporter.receive({
      repo: { id: 7, forge_remote_id: '41', full_name: name, default_branch: 'main' },
      pipeline: { ...about, id: 100 + number, created: at - 9, started: at - 5, updated: at },
    });
  }
}

it('each pipeline of a renamed repo counts once, and no counter of a name falls', async () => {
  const anyNumber = fc.integer({ min: 1, max: highest });
  const anyStep: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('event' as const), number: anyNumber }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('report' as const),
        number: anyNumber,
        name: fc.constantFrom(...names),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), async (steps) => {
      const store = openMemoryStore();
      let exporter = await createSmallExporter({ store });
      const before = new Map<string, number>();
      const look = (): void => {
        for (const name of names) {
          const shown = exporter.shown(name);
          if (!shown) continue;
          for (const [what, count] of [
            [`${name} deployments`, shown.deployments],
            [`${name} failures`, shown.failures],
          ] as const) {
            expect(count, what).toBeGreaterThanOrEqual(before.get(what) ?? 0);
            before.set(what, count);
          }
        }
      };
      const numbers = new Set<number>();
      const ends: Step[] = [
        { kind: 'event', number: 1 },
        { kind: 'event', number: highest },
        { kind: 'event', number: 1 },
      ];
      for (const step of [...steps, ...ends]) {
        if (step.kind === 'restart') exporter = await createSmallExporter({ store });
        else {
          numbers.add(step.number);
          await take(exporter, step);
        }
        look();
      }
      const told = [...numbers].sort();
      const failed = told.filter((number) => statusOf(number) === 'failure');
      const lastSuccess = Math.max(...told.filter((number) => statusOf(number) === 'success'));
      expect(exporter.shown(names[1])).toEqual({
        deployments: told.length,
        failures: failed.length,
        lastSuccess: finishOf(lastSuccess),
        lastFailure: failed.length === 0 ? 0 : finishOf(Math.max(...failed)),
        failingSince: 0,
      });
      expect((await exporter.repos()).map(({ fullName }) => fullName)).toEqual([names[1]]);
      expect((await exporter.pipelines()).map(({ record }) => record.number)).toEqual(told);
    }),
    { numRuns: runs(300) },
  );
});
