/**
 * A pipeline that is known of but whose end is not: when it is asked for again.
 *
 * The rule: after a tenth of its age, at least two seconds and at most a day, counted from when it was last asked for,
 * so that a restart changes nothing. A hint that something happened asks at once, but not twice within two seconds. One
 * that has ended, but may still come to another end, is asked for whenever its end is twice as long ago; one whose steps
 * may still change, once.
 */

/** All times are Unix seconds. */
export interface Follow {
  /** Woodpecker's id of the repo, or its name where only that was told. */
  readonly target: number | string;
  readonly number: number;
  /**
   * When it was created if known, else when it was first heard of. Of a run that was cut short: `bornAtOfEnded`, or when
   * to read it for the last time.
   */
  readonly bornAt: number;
  /** `null`: never asked for yet. */
  readonly askedAt: number | null;
  /** When a hint of it last came in; `null` where none did since it was asked for. */
  readonly hintedAt: number | null;
}

const pausesPerAge = 10;
const shortestSeconds = 2;
const longestSeconds = 86_400;

/** When to ask for it next, in Unix seconds. */
export function askAt({ bornAt, askedAt, hintedAt }: Follow): number {
  if (askedAt === null) return hintedAt ?? bornAt;
  if (hintedAt !== null) return askedAt + shortestSeconds;
  return askedAt + Math.min(Math.max((askedAt - bornAt) / pausesPerAge, shortestSeconds), longestSeconds);
}

/** A time of birth that has one that ended be asked for again after as long as its end was ago. */
export function bornAtOfEnded(endedAt: number, askedAt: number): number {
  return askedAt - pausesPerAge * (askedAt - endedAt);
}

/** The end that `bornAtOfEnded` was given, in Unix seconds. */
export function endFollowed({ bornAt, askedAt }: Follow): number {
  return askedAt === null ? bornAt : askedAt - (askedAt - bornAt) / pausesPerAge;
}

/** What follows of a repo's pipelines may have as their target. */
export function targetsOf({
  woodpeckerId,
  fullName,
}: {
  readonly woodpeckerId: number | null;
  readonly fullName: string;
}): readonly Follow['target'][] {
  return woodpeckerId === null ? [fullName] : [woodpeckerId, fullName];
}

/** Key of a follow: what and where. */
export function followKey({ target, number }: Pick<Follow, 'target' | 'number'>): string {
  return `${targetKey(target)}\n${number}`;
}

/** Names are equal whatever their case; no name begins with `#`. */
export function targetKey(target: number | string): string {
  return typeof target === 'number' ? `#${target}` : target.toLowerCase();
}
