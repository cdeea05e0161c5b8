/** Each observed pipeline costs the same, however many its repo has: SQLite finds it by a whole key. */

import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { verdictPlaces } from '../../src/store/classification-rows.ts';
import { createKnownRows } from '../../src/store/known-rows.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createPipelineTable } from '../../src/store/sqlite-pipelines.ts';
import { createSql, type Sql } from '../../src/store/sqlite-statements.ts';
import { aStoredPipeline } from '../support/records.ts';

it.each(verdictPlaces)('reads and writes of one pipeline touch no others, in place "%s"', async (place) => {
  const database = new DatabaseSync(':memory:');
  onTestFinished(() => database.close());
  database.exec('PRAGMA foreign_keys = OFF');
  migrate(database);
  const sql = createSql(database);
  const plans: string[] = [];
  const explained =
    <A extends (text: string, ...values: never[]) => unknown>(work: A) =>
    (text: string, ...values: never[]) => {
      for (const { detail } of database.prepare(`EXPLAIN QUERY PLAN ${text}`).all())
        plans.push(String(detail));
      return work(text, ...values);
    };
  const watched = Object.fromEntries(
    Object.entries(sql).map(([name, work]) => [name, explained(work)]),
  ) as unknown as Sql;
  const table = createPipelineTable(watched, createKnownRows(sql), place);

  for (let time = 0; time < 2; time++) await table.put(aStoredPipeline());
  await table.reclassify(aStoredPipeline());
  await table.compare({ repo: 1, number: 0 }, 1);
  await table.get(1, 1);
  await table.putChange({ repo: 1, number: 1, tier: 'production' }, { base: null, head: 'a', range: null });
  await table.setCredited({ repo: 1, number: 1, tier: 'production' }, 1);
  await table.putCommitId(1, 'tag', 'a');
  await table.commitOf(1, 'tag');
  await table.firstCreatedAt(1, 'a');
  await table.tiersOfCommit(1, 'a');

  const rowsOf = (kind: string) => plans.filter((plan) => new RegExp(`\\b(${kind})\\b`).test(plan));
  const keyed = /repo=\? AND (number|commit_sha|told|commit_id)[=>]|\(repo,number\)>.*\(repo,number\)</;
  expect(rowsOf('deployments|deployments_b|pipelines|changes|commit_ids').length).toBeGreaterThan(8);
  expect(
    rowsOf('deployments|deployments_b|pipelines|changes|commit_ids').filter((plan) => !keyed.test(plan)),
  ).toEqual([]);
});
