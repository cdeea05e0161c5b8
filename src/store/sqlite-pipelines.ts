/** The table of pipelines in SQLite, with the guarantees of `store.ts`. */

import { type IgnoreReason, ignoreReasons } from '../core/classification.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { idsOfCommit } from './change-rows.ts';
import {
  fromVerdict,
  toUncounted,
  toVerdict,
  type VerdictPlace,
  verdictColumns,
  verdictPlaces,
} from './classification-rows.ts';
import { deploymentRowColumns, fromDeployments } from './deployment-rows.ts';
import type { KnownRows } from './known-rows.ts';
import { fromPipeline, lastReportedAt, pipelineColumns, storedColumns } from './pipeline-rows.ts';
import { createPipelineReader, keyOf } from './read-pipelines.ts';
import { createCommitTable } from './sqlite-commits.ts';
import { createDeploymentReads, deploymentsByPipeline } from './sqlite-deployments.ts';
import type { Sql } from './sqlite-statements.ts';
import type { NextPipelines } from './store.ts';

const sliceRows = 1000;

/** The pipelines, with their classification under the policy that has the place. */
export function createPipelineTable(sql: Sql, known: KnownRows, place: VerdictPlace): NextPipelines {
  const { run, get, all } = sql;
  const { countedOf, toPipelines } = createPipelineReader(sql, place);
  const insert = (table: string, columns: readonly string[]) =>
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
  const columns = [...pipelineColumns, ...verdictColumns(place)];
  // `INSERT OR REPLACE` would delete the classification in the other place.
  const putSql = `${insert('pipelines', columns)} ON CONFLICT (repo, number) DO UPDATE SET
    ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`;
  const reclassifySql = `UPDATE pipelines SET ${verdictColumns(place)
    .map((column) => `${column} = ?`)
    .join(', ')}
    WHERE repo = ? AND number = ?`;
  const byPipeline = deploymentsByPipeline(place);
  const [deployments, reason, uncounted] = [`deployments${place}`, `reason${place}`, `uncounted${place}`];
  const putDeploymentSql = insert(deployments, deploymentRowColumns);
  const dropDeployments = (repo: number, number: number) =>
    run(`DELETE FROM ${byPipeline} WHERE repo = ? AND number = ?`, repo, number);
  const addDeployments = async (pipeline: StoredPipeline): Promise<void> => {
    for (const row of fromDeployments(pipeline)) await run(putDeploymentSql, ...row);
  };
  return {
    ...createDeploymentReads(sql, place),
    ...createCommitTable(sql, known),
    async get(repo, number) {
      if (await known.isAboveAll(repo, number)) return null;
      const row = await get(
        `SELECT ${storedColumns} FROM pipelines WHERE repo = ? AND number = ?`,
        repo,
        number,
      );
      return row ? ((await toPipelines([row]))[0] ?? null) : null;
    },
    async put(pipeline) {
      const { repo, record } = pipeline;
      const isNew = await known.isAboveAll(repo, record.number);
      known.noteNumber(repo, record.number);
      await run(putSql, ...fromPipeline(pipeline), ...fromVerdict(pipeline));
      if (!isNew) await dropDeployments(repo, record.number);
      await addDeployments(pipeline);
    },
    async reclassify(pipeline) {
      const { repo, record } = pipeline;
      await run(reclassifySql, ...fromVerdict(pipeline), repo, record.number);
      await dropDeployments(repo, record.number);
      await addDeployments(pipeline);
    },
    async compare({ repo, number }, limit) {
      const rows = await all(
        `SELECT ${storedColumns} FROM pipelines WHERE repo = ? AND number > ? ORDER BY number LIMIT ?`,
        repo,
        number,
        limit,
      );
      const active = await toPipelines(rows, place === '' ? '_b' : '');
      const here = await countedOf(rows, place);
      return active.map((pipeline, index) => {
        const row = rows[index] ?? {};
        return {
          active: pipeline,
          next: { ...pipeline, ...toVerdict(row, place, here.get(keyOf(row)) ?? []) },
        };
      });
    },
    async setCredited({ repo, number, tier }, credited) {
      await run(
        `UPDATE ${byPipeline} SET credited = ? WHERE repo = ? AND number = ? AND tier = ?`,
        credited,
        repo,
        number,
        tier,
      );
    },
    async creditAll(bits) {
      await run(`UPDATE ${deployments} SET credited = credited | ? WHERE outcome IS NOT NULL`, bits);
    },
    async *all(repo) {
      const where = repo === undefined ? '(repo, number) > (?, ?)' : 'repo = ? AND number > ?';
      const sql = `SELECT ${storedColumns} FROM pipelines WHERE ${where} ORDER BY repo, number LIMIT ${sliceRows}`;
      let after: [number, number] = [repo ?? -1, -1];
      for (;;) {
        const slice = await toPipelines(await all(sql, ...after));
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = [last.repo, last.record.number];
      }
    },
    async *uncounted({ repo, tier, after, until }) {
      const sql = `SELECT number, ${lastReportedAt} AS at, ${reason} AS reason, ${uncounted} AS uncounted
        FROM pipelines INDEXED BY pipelines_uncounted${place}
        WHERE COALESCE(${reason}, ${uncounted}) IS NOT NULL AND is_held = 0 AND repo = ?
          AND ${lastReportedAt} > ? AND ${lastReportedAt} <= ? AND (${lastReportedAt} < ? OR number < ?)
        ORDER BY ${lastReportedAt} DESC, number DESC LIMIT ${sliceRows}`;
      // For a comparison of rows, SQLite would not use an index on an expression.
      let before: [number, number, number] = [until, until + 1, 0];
      for (;;) {
        const rows = await all(sql, repo, after, ...before);
        const last = rows.at(-1);
        if (!last) return;
        yield rows.flatMap((row) => toUncounted(row, tier) ?? []);
        const [at, number] = [Number(last['at']), Number(last['number'])];
        before = [at, at, number];
      }
    },
    async oldFailures(repo, after, limit) {
      const rows = await all(
        `SELECT number FROM pipelines INDEXED BY pipelines_old_failures
           WHERE status = 'failure' AND has_workflows = 0 AND end_seen_at IS NULL AND repo = ? AND ${lastReportedAt} > ?
           ORDER BY number DESC LIMIT ?`,
        repo,
        after,
        limit,
      );
      return rows.map((row) => Number(row['number']));
    },
    async *pending(repo) {
      const sql = `SELECT ${storedColumns} FROM pipelines INDEXED BY pipelines_held
        WHERE is_held = 1 AND repo = ? AND number > ? ORDER BY number LIMIT ${sliceRows}`;
      let after = -1;
      for (;;) {
        const slice = await toPipelines(await all(sql, repo, after));
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = last.record.number;
      }
    },
    async releasePending(repo) {
      for (const table of ['pipelines', ...verdictPlaces.map((one) => `deployments${one}`)]) {
        const sql = `UPDATE ${table} SET is_held = 0 WHERE is_held = 1 AND repo = ? AND number IN (SELECT number
          FROM ${table} INDEXED BY ${table}_held WHERE is_held = 1 AND repo = ? LIMIT ${sliceRows})`;
        // A query first, since a read-only database refuses even updates that change nothing.
        const anyHeld = `SELECT 1 FROM ${table} INDEXED BY ${table}_held WHERE is_held = 1 AND repo = ? LIMIT 1`;
        while (await get(anyHeld, repo)) await run(sql, repo, repo);
      }
    },
    async firstCreatedAt(repo, commit) {
      const row = await get(
        `SELECT MIN(created_at) AS first FROM pipelines INDEXED BY pipelines_commits
           WHERE is_held = 0 AND repo = ?1 AND commit_sha IN (${idsOfCommit('?1', '?2')})`,
        repo,
        commit,
      );
      const first = row?.['first'];
      return first === null || first === undefined ? null : Number(first);
    },
    async lowestUpdatedSince(repo, since) {
      const row = await get(
        'SELECT MIN(number) AS lowest FROM pipelines WHERE repo = ? AND updated_at >= ?',
        repo,
        since,
      );
      const lowest = row?.['lowest'];
      return lowest === null || lowest === undefined ? null : Number(lowest);
    },
    async ignoredCounts() {
      const rows = await all(
        `SELECT ${reason} AS reason, COUNT(*) AS n FROM pipelines WHERE ${reason} IS NOT NULL GROUP BY 1`,
      );
      const counts = new Map(rows.map((row) => [String(row['reason']), Number(row['n'])]));
      return new Map(ignoreReasons.map((reason: IgnoreReason) => [reason, counts.get(reason) ?? 0]));
    },
  };
}
