/**
 * The words of a pipeline that come from its event instead of a commit. Before 3.14 they are in the row; later the row is
 * empty and REST fills them in.
 */

import type { Event } from './model.ts';
import type { Version } from './version.ts';

interface Tagged {
  readonly ref: string;
  readonly title: string;
}

export function tagOf({ ref }: Pick<Tagged, 'ref'>): string {
  return ref.replace('refs/tags/', '');
}

export function releaseTitleOf(row: Tagged): string {
  return row.title || `Release ${tagOf(row)}`;
}

/** The message in the row of a pipeline if a test sets none. */
export function defaultMessage(
  row: Tagged & { readonly event: Event; readonly branch: string; readonly cron: string },
  version: Version,
): string {
  const isInRow = !version.atLeast(3, 14);
  switch (row.event) {
    case 'cron':
      return isInRow ? row.cron : '';
    case 'tag':
      return isInRow ? `created tag ${tagOf(row)}` : '';
    case 'release':
      return isInRow ? `created release ${releaseTitleOf(row)}` : '';
    case 'manual':
      return `MANUAL PIPELINE @ ${row.branch}`;
    case 'pull_request':
    case 'pull_request_closed':
    case 'pull_request_metadata':
      return row.title;
    case 'push':
    case 'deployment':
      return 'fix: retry upload\n';
  }
  return row.event satisfies never;
}
