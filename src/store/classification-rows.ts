/** Converts between classifications with their ledger bits and the columns of a policy's place. */

import type { Classification, IgnoreReason, InTier } from '../core/classification.ts';
import { compareText } from '../core/compare-text.ts';
import type { Outcome } from '../core/deployment.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { toReverts } from './deployment-rows.ts';
import { numberOrNull, type SqlRow, type SqlValue, textOrNull } from './sql-values.ts';
import type { Uncounted } from './store.ts';

/**
 * Classifications are stored in two places: one for the active policy, the other for the next policy while it is
 * prepared. A place is the suffix of its columns and tables.
 */
export const verdictPlaces = ['', '_b'] as const;
export type VerdictPlace = (typeof verdictPlaces)[number];

/** Columns of `pipelines`, in the order of `fromVerdict`. */
export const verdictColumns = (place: VerdictPlace) =>
  ['reason', 'uncounted', 'credited'].map((column) => `${column}${place}`);

export function fromVerdict({ classification, credited }: StoredPipeline): SqlValue[] {
  const { tiers, reason } = classification;
  const counted = new Set(tiers.flatMap(({ tier, kind }) => (kind === 'deployment' ? tier : [])));
  const uncounted = tiers.flatMap((one) => (one.kind === 'deployment' ? [] : [[one.tier, wordOf(one)]]));
  const others = [...credited].filter(([tier]) => !counted.has(tier));
  return [
    reason,
    uncounted.length === 0 ? null : JSON.stringify(uncounted),
    others.length === 0 ? null : JSON.stringify(others),
  ];
}

/** The classification and the ledger bits of a pipeline under the policy that has the place. */
export function toVerdict(
  row: SqlRow,
  place: VerdictPlace,
  deployments: readonly SqlRow[],
): Pick<StoredPipeline, 'classification' | 'credited'> {
  return {
    classification: toClassification(row, place, deployments),
    credited: toCredited(row[`credited${place}`], deployments),
  };
}

/** `null`: the tier does not take the pipeline, or it is a deployment there. */
export function toUncounted(row: SqlRow, tier: string): Uncounted | null {
  const [number, at] = [Number(row['number']), Number(row['at'])];
  const reason = textOrNull(row['reason']) as IgnoreReason | null;
  if (row['uncounted'] === null) return reason === null ? null : { number, at, reason };
  const word = toWords(row['uncounted']).find(([one]) => one === tier)?.[1];
  return word === undefined ? null : { number, at, reason: word === 'unfinished' ? null : word };
}

type Word = IgnoreReason | 'unread' | 'unfinished';

function wordOf(one: Exclude<InTier, { kind: 'deployment' }>): Word {
  return one.kind === 'ignored' ? one.reason : one.kind;
}

function toWords(json: SqlValue | undefined): readonly (readonly [tier: string, word: Word])[] {
  return typeof json === 'string' ? JSON.parse(json) : [];
}

function toClassification(row: SqlRow, place: VerdictPlace, deployments: readonly SqlRow[]): Classification {
  const uncounted = toWords(row[`uncounted${place}`]).map(([tier, word]): InTier => {
    if (word === 'unread' || word === 'unfinished') return { tier, kind: word };
    return { tier, kind: 'ignored', reason: word };
  });
  const counted = deployments.map(
    (one): InTier => ({
      tier: String(one['tier']),
      kind: 'deployment',
      outcome: String(one['outcome']) as Outcome,
      at: Number(one['deployed_at']),
      startedAt: numberOrNull(one['started_at']),
      durationSeconds: numberOrNull(one['duration']),
      isRework: one['is_rework'] === 1,
      reverts: toReverts(one['reverts']),
    }),
  );
  return {
    tiers: [...counted, ...uncounted].sort((a, b) => compareText(a.tier, b.tier)),
    reason: textOrNull(row[`reason${place}`]) as IgnoreReason | null,
  };
}

function toCredited(credited: SqlValue | undefined, deployments: readonly SqlRow[]): Map<string, number> {
  const others = typeof credited === 'string' ? (JSON.parse(credited) as [string, number][]) : [];
  const counted = deployments.map((one) => [String(one['tier']), Number(one['credited'])] as const);
  return new Map([...counted, ...others]);
}
