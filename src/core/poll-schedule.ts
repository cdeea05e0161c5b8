/**
 * When to poll a pipeline that has not ended.
 *
 * The pause after a poll is a tenth of the pipeline's age, at least two seconds and at most a day; so a restart changes
 * nothing. A hint leads to a poll at once, but not twice within two seconds. A run that was cut short is polled after
 * its end, too: as long as its agent may change the end, whenever the end is twice as long ago as at the last poll;
 * then once more, when the states of its steps have settled.
 */

/** All times are Unix seconds. */
export interface Follow {
  /** Woodpecker's id of the repo, or its name if the id is unknown. */
  readonly target: number | string;
  readonly number: number;
  /**
   * Creation of the pipeline if known, else the time of the first hint. For a run that was cut short:
   * `createdAtOfEnded`, or the time of the last poll.
   */
  readonly createdAt: number;
  /** `null`: not polled yet. */
  readonly polledAt: number | null;
  /** Time of the last hint; `null`: none since the last poll. */
  readonly hintedAt: number | null;
}

const pausesPerAge = 10;
const shortestSeconds = 2;
const longestSeconds = 86_400;

/** Time of the next poll, in Unix seconds. */
export function nextPollAt({ createdAt, polledAt, hintedAt }: Follow): number {
  if (polledAt === null) return hintedAt ?? createdAt;
  if (hintedAt !== null) return polledAt + shortestSeconds;
  return (
    polledAt + Math.min(Math.max((polledAt - createdAt) / pausesPerAge, shortestSeconds), longestSeconds)
  );
}

/** The creation time (Unix seconds) for which `nextPollAt` is as long after `polledAt` as the end was before it. */
export function createdAtOfEnded(endedAt: number, polledAt: number): number {
  return polledAt - pausesPerAge * (polledAt - endedAt);
}

/** The end from which `createdAtOfEnded` was computed, in Unix seconds. */
export function endFollowed({ createdAt, polledAt }: Follow): number {
  return polledAt === null ? createdAt : polledAt - (polledAt - createdAt) / pausesPerAge;
}

/** The targets that follows of a repo's pipelines may have. */
export function targetsOf({
  woodpeckerId,
  fullName,
}: {
  readonly woodpeckerId: number | null;
  readonly fullName: string;
}): readonly Follow['target'][] {
  return woodpeckerId === null ? [fullName] : [woodpeckerId, fullName];
}

/** Key of a follow. */
export function followKey({ target, number }: Pick<Follow, 'target' | 'number'>): string {
  return `${targetKey(target)}\n${number}`;
}

/** Names are compared without case; no name begins with `#`. */
export function targetKey(target: number | string): string {
  return typeof target === 'number' ? `#${target}` : target.toLowerCase();
}
