/** Converts between repos and rows of `repos`. */

import type { Repo } from '../core/repo.ts';
import { numberOrNull, type SqlRow, type SqlValue, textOrNull } from './sql-values.ts';

/** Values in the order of the columns of `repos` after the key. */
export function fromRepo(repo: Omit<Repo, 'key'>): SqlValue[] {
  return [
    repo.woodpeckerId,
    repo.forgeRemoteId,
    repo.fullName,
    repo.namedAt,
    JSON.stringify(repo.defaultBranches),
    repo.horizon,
    repo.knownSince,
    Number(repo.revealed),
    Number(repo.isGone),
    JSON.stringify(repo.scan),
  ];
}

export function toRepo(row: SqlRow): Repo {
  return {
    key: Number(row['key']),
    woodpeckerId: numberOrNull(row['woodpecker_id']),
    forgeRemoteId: textOrNull(row['forge_remote_id']),
    fullName: String(row['full_name']),
    namedAt: Number(row['named_at']),
    defaultBranches: JSON.parse(String(row['default_branches'])),
    horizon: numberOrNull(row['horizon']),
    knownSince: numberOrNull(row['known_since']),
    revealed: row['is_revealed'] === 1,
    isGone: row['is_gone'] === 1,
    scan: JSON.parse(String(row['scan'])),
  };
}
