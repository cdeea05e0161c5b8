/** The table of pipelines in SQLite, with the guarantees of `store.ts`. */

import { type IgnoreReason, ignoreReasons } from '../core/classification.ts';
import type { Outcome } from '../core/deployment.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import type { KnownRows } from './known-rows.ts';
import {
  changeColumns,
  changeEnds,
  commitOf,
  deploymentColumns,
  deploymentRowColumns,
  fromDeployments,
  fromPipeline,
  fromRange,
  fromVerdict,
  idsOfCommit,
  lastReportedAt,
  pipelineColumns,
  storedColumns,
  toPipeline,
  toTieredDeployment,
  toUncounted,
  toVerdict,
  type VerdictPlace,
  verdictColumns,
  verdictPlaces,
} from './rows.ts';
import { numberOrNull, type SqlRow, type SqlValue } from './sql-values.ts';
import type { Sql } from './sqlite-statements.ts';
import type { NextPipelines } from './store.ts';

const sliceRows = 1000;
/** Without `INDEXED BY`, SQLite would read all deployments of the repo, since the rows are sorted by repo and tier. */
export const deploymentsByPipeline = (place: VerdictPlace) =>
  `deployments${place} AS deployments INDEXED BY deployments${place}_pipeline`;
/** Rows in one grouped query: SQLite joins and groups a row in some two microseconds. */
const groupedRows = 10_000;

/** The pipelines, with their classification under the policy that has the place. */
export function createPipelineTable(
  { run, get, all, allArrays }: Sql,
  known: KnownRows,
  place: VerdictPlace,
): NextPipelines {
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
  const isDeployment = 'outcome IS NOT NULL AND is_held = 0';
  /** The deployments of the pipelines in `rows`, which are sorted by repo and number; grouped by pipeline. */
  const countedOf = async (rows: readonly SqlRow[], from: VerdictPlace) =>
    groupByPipeline(
      await all(
        `SELECT * FROM ${deploymentsByPipeline(from)} WHERE ${withinRange} AND outcome IS NOT NULL`,
        ...rangeOf(rows),
      ),
    );
  const toPipelines = async (rows: readonly SqlRow[], from = place): Promise<StoredPipeline[]> => {
    if (rows.length === 0) return [];
    const counted = await countedOf(rows, from);
    const changes = groupByPipeline(
      await all(
        `SELECT repo, number, tier, ${changeColumns} FROM changes WHERE ${withinRange}`,
        ...rangeOf(rows),
      ),
    );
    return rows.map((row) => {
      const key = keyOf(row);
      const beside = { deployments: counted.get(key) ?? [], changes: changes.get(key) ?? [] };
      return toPipeline(row, from, beside);
    });
  };
  return {
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
    async putChange({ repo, number, tier }, { base, head, range }) {
      await run(
        `INSERT OR REPLACE INTO changes (repo, number, tier, base, head, commits)
           SELECT repo, number, ?, ?, ?, ? FROM pipelines WHERE repo = ? AND number = ?`,
        tier,
        base,
        head,
        fromRange(range),
        repo,
        number,
      );
    },
    async commitOf(repo, id) {
      if (!(await known.mayHaveCommitIds())) return id;
      const row = await get('SELECT commit_id FROM commit_ids WHERE repo = ? AND told = ?', repo, id);
      return row ? String(row['commit_id']) : id;
    },
    async putCommitId(repo, id, commit) {
      known.noteCommitId();
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
    async *deployments({
      only,
      withFirstSeen = false,
      withoutCommits = false,
      sliceRows: atOnce = sliceRows,
    } = {}) {
      const where = only
        ? 'repo = ? AND tier = ? AND (deployed_at, number) > (?, ?)'
        : '(repo, tier, deployed_at, number) > (?, ?, ?, ?)';
      const firstSeen = withFirstSeen
        ? `(SELECT MIN(created_at) FROM pipelines AS same INDEXED BY pipelines_commits WHERE same.is_held = 0
            AND same.repo = deployments.repo AND deployments.commit_sha <> ''
            AND same.commit_sha IN (${idsOfCommit('deployments.repo', commitOf('deployments.commit_sha', 'deployments.repo'))}))`
        : 'NULL';
      const sql = `SELECT ${deploymentColumns}, ${firstSeen}, ${withoutCommits ? changeEnds : changeColumns}
        FROM ${deployments} AS deployments LEFT JOIN changes USING (repo, number, tier)
        WHERE ${isDeployment} AND ${where} ORDER BY repo, tier, deployed_at, number LIMIT ${atOnce}`;
      let after: SqlValue[] = [
        only?.repo ?? -1,
        only?.tier ?? '',
        only?.after ?? -1,
        // No number is higher, so all deployments of that second are left out.
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
    async latestUnread(repo, tier) {
      const row = await get(
        `SELECT MAX(deployed_at) AS latest FROM ${deployments} INDEXED BY ${deployments}_unread
           WHERE outcome IS NULL AND repo = ? AND tier = ?`,
        repo,
        tier,
      );
      return numberOrNull(row?.['latest']);
    },
    async latestUnreadOfAll() {
      const rows = await all(
        `SELECT repo, tier, MAX(deployed_at) AS latest FROM ${deployments} INDEXED BY ${deployments}_unread
           WHERE outcome IS NULL GROUP BY repo, tier`,
      );
      return rows.map((row) => ({
        repo: Number(row['repo']),
        tier: String(row['tier']),
        at: Number(row['latest']),
      }));
    },
    async unread(repo, after, limit) {
      const rows = await all(
        `SELECT DISTINCT number, deployed_at FROM ${deployments} INDEXED BY ${deployments}_to_read
           WHERE outcome IS NULL AND repo = ? AND deployed_at > ? ORDER BY deployed_at DESC, number DESC LIMIT ?`,
        repo,
        after,
        limit,
      );
      return rows.map((row) => Number(row['number']));
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
    async tiersOfCommit(repo, commit) {
      const rows = await all(
        `SELECT DISTINCT tier FROM ${byPipeline} WHERE ${isDeployment} AND repo = ?1 AND number IN (SELECT number FROM
           pipelines INDEXED BY pipelines_commits WHERE is_held = 0 AND repo = ?1
             AND commit_sha IN (${idsOfCommit('?1', '?2')})) ORDER BY tier`,
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
      const latestSql = `SELECT tier, outcome, MAX(deployed_at) AS at, COALESCE(created_at, deployed_at) AS created
        FROM ${byPipeline} JOIN pipelines USING (repo, number)
        WHERE deployments.repo = ? AND number > ? AND number <= ? AND outcome IS NOT NULL GROUP BY tier, outcome`;
      const othersSql = `SELECT DISTINCT json_extract(one.value, '$[0]') AS tier
        FROM pipelines, json_each(${uncounted}) AS one WHERE repo = ? AND number > ? AND number <= ?`;
      const found = new Map<string, Map<Outcome, { at: number; created: number }>>();
      const latestOf = (tier: SqlValue | undefined) => {
        const latest = found.get(String(tier)) ?? new Map<Outcome, { at: number; created: number }>();
        found.set(String(tier), latest);
        return latest;
      };
      for (let after = -1, end: number; after < Number.MAX_SAFE_INTEGER; after = end) {
        end = Number((await get(endSql, repo, after))?.['number'] ?? Number.MAX_SAFE_INTEGER);
        for (const { tier } of await all(othersSql, repo, after, end)) latestOf(tier);
        for (const { tier, outcome, at, created } of await all(latestSql, repo, after, end)) {
          const latest = latestOf(tier);
          if (Number(at) < (latest.get(outcome as Outcome)?.at ?? 0)) continue;
          latest.set(outcome as Outcome, { at: Number(at), created: Number(created) });
        }
      }
      const createdOf = (latest: ReadonlyMap<Outcome, { created: number }>) =>
        new Map([...latest].map(([outcome, { created }]) => [outcome, created]));
      return new Map([...found].map(([tier, latest]) => [tier, createdOf(latest)]));
    },
    async ignoredCounts() {
      const rows = await all(
        `SELECT ${reason} AS reason, COUNT(*) AS n FROM pipelines WHERE ${reason} IS NOT NULL GROUP BY 1`,
      );
      const counts = new Map(rows.map((row) => [String(row['reason']), Number(row['n'])]));
      return new Map(ignoreReasons.map((reason: IgnoreReason) => [reason, counts.get(reason) ?? 0]));
    },
    async eventCounts() {
      const rows = await all(
        `SELECT tier, COALESCE(event, 'unknown') AS event, COUNT(*) AS n FROM ${deployments}
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

const withinRange = '(repo, number) >= (?, ?) AND (repo, number) <= (?, ?)';

function rangeOf(rows: readonly SqlRow[]): SqlValue[] {
  return [rows[0], rows.at(-1)].flatMap((row) => [row?.['repo'] ?? null, row?.['number'] ?? null]);
}

function keyOf(row: SqlRow): string {
  return `${row['repo']}/${row['number']}`;
}

function groupByPipeline(rows: readonly SqlRow[]): ReadonlyMap<string, readonly SqlRow[]> {
  const groups = new Map<string, SqlRow[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}
