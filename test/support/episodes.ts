/** Episodes of failure by the definition alone, if only pipelines show failures. */

interface Ended {
  /** `success` or `failure`. */
  readonly outcome: string;
  readonly at: number;
}

/**
 * A failure lasts up to the next success; failures that overlap or touch are one episode. `ended`: of one repo, in order.
 */
export function episodesOf(ended: readonly Ended[]): readonly { start: number; end: number | null }[] {
  const failures = ended.flatMap(({ outcome, at }, index) => {
    const next = ended.slice(index).find((later) => later.outcome === 'success');
    return outcome === 'failure' ? [{ start: at, end: next?.at ?? null }] : [];
  });
  const reaches = (end: number | null, at: number) => end === null || at <= end;
  return failures.flatMap(({ start }, index) => {
    const before = failures[index - 1];
    if (before && reaches(before.end, start)) return [];
    const later = failures.slice(index);
    const broken = later.findIndex((one, place) => {
      const next = later[place + 1];
      return !next || !reaches(one.end, next.start);
    });
    return [{ start, end: later[broken]?.end ?? null }];
  });
}

/** Start of the open episode; 0: none is open. `known`: the ones of `ended` with a time that may start episodes. */
export function failingSinceOf(ended: readonly Ended[], known: readonly Ended[] = ended): number {
  const lastSuccess = ended.findLastIndex(({ outcome }) => outcome === 'success');
  const first = ended[lastSuccess + 1];
  if (!first) return 0;
  const last = episodesOf(known).at(-1);
  return last && last.end === null ? Math.min(first.at, last.start) : first.at;
}
