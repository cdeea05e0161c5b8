/** The table of deployments in SQLite, with the guarantees of `store.ts`. */

import type { Outcome } from '../core/deployment.ts';
import { changeColumns, changeEnds, commitOf, idsOfCommit } from './change-rows.ts';
import type { VerdictPlace } from './classification-rows.ts';
import { deploymentColumns, toTieredDeployment } from './deployment-rows.ts';
import { numberOrNull, type SqlValue } from './sql-values.ts';
import type { Sql } from './sqlite-statements.ts';
import type { PipelineTable } from './store.ts';

type DeploymentReads = Pick<
  PipelineTable,
  | 'deployments'
  | 'latestUnread'
  | 'latestUnreadOfAll'
  | 'unread'
  | 'tiersOfCommit'
  | 'outcomes'
  | 'eventCounts'
>;

const defaultSliceRows = 1000;
/** Rows in one grouped query: SQLite joins and groups a row in some two microseconds. */
const groupedRows = 10_000;

/** Without `INDEXED BY`, SQLite would read all deployments of the repo, since the rows are sorted by repo and tier. */
export const deploymentsByPipeline = (place: VerdictPlace) =>
  `deployments${place} AS deployments INDEXED BY deployments${place}_pipeline`;

/** Reads of the deployments under the policy that has the place. */
export function createDeploymentReads({ get, all, allArrays }: Sql, place: VerdictPlace): DeploymentReads {
  const byPipeline = deploymentsByPipeline(place);
  const [deployments, uncounted] = [`deployments${place}`, `uncounted${place}`];
  const isDeployment = 'outcome IS NOT NULL AND is_held = 0';
  return {
    async *deployments({
      only,
      withFirstSeen = false,
      withoutCommits = false,
      sliceRows = defaultSliceRows,
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
        WHERE ${isDeployment} AND ${where} ORDER BY repo, tier, deployed_at, number LIMIT ${sliceRows}`;
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
        if (slice.length < sliceRows) return;
        after = [last.deployment.repo, last.tier, last.deployment.at, last.deployment.number];
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
