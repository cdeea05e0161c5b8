/** The table of pipelines in SQLite, as `store.ts` promises it. */

import { type IgnoreReason, ignoreReasons } from '../core/classification.ts';
import type { Outcome } from '../core/deployment.ts';
import {
  changeColumns,
  commitOf,
  deploymentColumns,
  fromPipeline,
  fromRange,
  idsOfCommit,
  lastToldAt,
  pipelineColumns,
  type SqlValue,
  storedColumns,
  toPipeline,
  toTieredDeployment,
  toUncounted,
} from './rows.ts';
import type { Sql } from './sqlite-statements.ts';
import type { PipelineTable } from './store.ts';

const sliceRows = 2000;
/** Counted together: SQLite groups a row in well under a microsecond. */
const groupedRows = 20_000;

export function createPipelineTable({ run, get, all, allArrays }: Sql): PipelineTable {
  const putSql = `INSERT OR REPLACE INTO pipelines (${pipelineColumns.join(', ')})
    VALUES (${pipelineColumns.map(() => '?').join(', ')})`;
  const isDeployment = 'outcome IS NOT NULL AND is_held = 0';
  const selectPipelines = `SELECT ${storedColumns} FROM pipelines LEFT JOIN changes USING (repo, number)`;
  return {
    async get(repo, number) {
      const row = await get(`${selectPipelines} WHERE repo = ? AND number = ?`, repo, number);
      return row ? toPipeline(row) : null;
    },
    async put(pipeline) {
      await run(putSql, ...fromPipeline(pipeline));
    },
    async setCredited(repo, number, credited) {
      await run('UPDATE pipelines SET credited = ? WHERE repo = ? AND number = ?', credited, repo, number);
    },
    async creditAll(bits) {
      await run('UPDATE pipelines SET credited = credited | ? WHERE outcome IS NOT NULL', bits);
    },
    async putChange(repo, number, { base, head, range }) {
      await run(
        `INSERT OR REPLACE INTO changes (repo, number, base, head, commits)
           SELECT repo, number, ?, ?, ? FROM pipelines WHERE repo = ? AND number = ?`,
        base,
        head,
        fromRange(range),
        repo,
        number,
      );
    },
    async commitOf(repo, id) {
      const row = await get('SELECT commit_id FROM commit_ids WHERE repo = ? AND told = ?', repo, id);
      return row ? String(row['commit_id']) : id;
    },
    async putCommitId(repo, id, commit) {
      await run(
        'INSERT OR REPLACE INTO commit_ids (repo, told, commit_id) VALUES (?, ?, ?)',
        repo,
        id,
        commit,
      );
    },
    async copyCommitIds(from, into) {
      await run(
        `INSERT OR IGNORE INTO commit_ids (repo, told, commit_id)
           SELECT ?, told, commit_id FROM commit_ids WHERE repo = ?`,
        into,
        from,
      );
    },
    async dropUnknownChanges() {
      await run('DELETE FROM changes WHERE commits IS NULL');
    },
    async *all(repo) {
      const where = repo === undefined ? '(repo, number) > (?, ?)' : 'repo = ? AND number > ?';
      const sql = `${selectPipelines} WHERE ${where} ORDER BY repo, number LIMIT ${sliceRows}`;
      let after: [number, number] = [repo ?? -1, -1];
      for (;;) {
        const slice = (await all(sql, ...after)).map(toPipeline);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = [last.repo, last.record.number];
      }
    },
    async *deployments({ only, withFirstSeen = false, sliceRows: atOnce = sliceRows } = {}) {
      const where = only
        ? 'repo = ? AND tier = ? AND (deployed_at, number) > (?, ?)'
        : '(repo, tier, deployed_at, number) > (?, ?, ?, ?)';
      const firstSeen = withFirstSeen
        ? `(SELECT MIN(created_at) FROM pipelines AS same INDEXED BY pipelines_commits WHERE same.is_held = 0
            AND same.repo = pipelines.repo AND pipelines.commit_sha <> ''
            AND same.commit_sha IN (${idsOfCommit('pipelines.repo', commitOf('pipelines.commit_sha'))}))`
        : 'NULL';
      const sql = `SELECT ${deploymentColumns}, ${firstSeen}, ${changeColumns}
        FROM pipelines INDEXED BY pipelines_deployments LEFT JOIN changes USING (repo, number)
        WHERE ${isDeployment} AND ${where} ORDER BY repo, tier, deployed_at, number LIMIT ${atOnce}`;
      let after: SqlValue[] = [
        only?.repo ?? -1,
        only?.tier ?? '',
        only?.after ?? -1,
        // No number is higher: all that was deployed in that second is left out.
        only?.after === undefined ? -1 : Number.MAX_SAFE_INTEGER,
      ];
      for (;;) {
        const slice = (await allArrays(sql, ...after)).map(toTieredDeployment);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = [last.deployment.repo, last.tier, last.deployment.at, last.deployment.number];
      }
    },
    async *uncounted({ repo, tier, after, until }) {
      const sql = `SELECT number, ${lastToldAt} AS at, reason FROM pipelines INDEXED BY pipelines_uncounted
        WHERE outcome IS NULL AND is_held = 0 AND repo = ? AND (tier = ? OR tier IS NULL)
          AND ${lastToldAt} > ? AND ${lastToldAt} <= ? AND (${lastToldAt} < ? OR number < ?)
        ORDER BY ${lastToldAt} DESC, number DESC LIMIT ${sliceRows}`;
      // A comparison of rows, as elsewhere, would not be looked up in an index on an expression.
      let before: [number, number, number] = [until, until + 1, 0];
      for (;;) {
        const slice = (await all(sql, repo, tier, after, ...before)).map(toUncounted);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        before = [last.at, last.at, last.number];
      }
    },
    async *held(repo) {
      const sql = `SELECT ${storedColumns} FROM pipelines INDEXED BY pipelines_held
        LEFT JOIN changes USING (repo, number) WHERE is_held = 1 AND repo = ? AND number > ? ORDER BY number LIMIT ${sliceRows}`;
      let after = -1;
      for (;;) {
        const slice = (await all(sql, repo, after)).map(toPipeline);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = last.record.number;
      }
    },
    async releaseHeld(repo) {
      const sql = `UPDATE pipelines SET is_held = 0 WHERE repo = ? AND number IN (SELECT number FROM pipelines
        INDEXED BY pipelines_held WHERE is_held = 1 AND repo = ? LIMIT ${sliceRows})`;
      // Looked for first: a read-only database refuses even what would change nothing.
      const anyHeld =
        'SELECT 1 FROM pipelines INDEXED BY pipelines_held WHERE is_held = 1 AND repo = ? LIMIT 1';
      while (await get(anyHeld, repo)) await run(sql, repo, repo);
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
    async tiersOfCommit(repo, commit) {
      const rows = await all(
        `SELECT DISTINCT tier FROM pipelines INDEXED BY pipelines_commits
           WHERE is_held = 0 AND repo = ?1 AND commit_sha IN (${idsOfCommit('?1', '?2')}) AND outcome IS NOT NULL ORDER BY tier`,
        repo,
        commit,
      );
      return rows.map((row) => String(row['tier']));
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
    async outcomes(repo) {
      const endSql = `SELECT number FROM pipelines WHERE repo = ? AND number > ? ORDER BY number LIMIT 1 OFFSET ${groupedRows - 1}`;
      const sql = `SELECT tier, outcome, MAX(deployed_at) AS at, COALESCE(created_at, deployed_at) AS created
        FROM pipelines WHERE repo = ? AND number > ? AND number <= ? AND tier IS NOT NULL GROUP BY tier, outcome`;
      const found = new Map<string, Map<Outcome, { at: number; created: number }>>();
      for (let after = -1, end: number; after < Number.MAX_SAFE_INTEGER; after = end) {
        end = Number((await get(endSql, repo, after))?.['number'] ?? Number.MAX_SAFE_INTEGER);
        for (const { tier, outcome, at, created } of await all(sql, repo, after, end)) {
          const latest = found.get(String(tier)) ?? new Map<Outcome, { at: number; created: number }>();
          found.set(String(tier), latest);
          if (outcome === null || Number(at) < (latest.get(outcome as Outcome)?.at ?? 0)) continue;
          latest.set(outcome as Outcome, { at: Number(at), created: Number(created) });
        }
      }
      const createdOf = (latest: ReadonlyMap<Outcome, { created: number }>) =>
        new Map([...latest].map(([outcome, { created }]) => [outcome, created]));
      return new Map([...found].map(([tier, latest]) => [tier, createdOf(latest)]));
    },
    async ignoredCounts() {
      const rows = await all(
        'SELECT reason, COUNT(*) AS n FROM pipelines WHERE reason IS NOT NULL GROUP BY reason',
      );
      const counts = new Map(rows.map((row) => [String(row['reason']), Number(row['n'])]));
      return new Map(ignoreReasons.map((reason: IgnoreReason) => [reason, counts.get(reason) ?? 0]));
    },
    async eventCounts() {
      const rows = await all(
        `SELECT tier, COALESCE(event, 'unknown') AS event, COUNT(*) AS n FROM pipelines
           WHERE outcome IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`,
      );
      return rows.map((row) => ({
        tier: String(row['tier']),
        event: String(row['event']),
        deployments: Number(row['n']),
      }));
    },
  };
}
