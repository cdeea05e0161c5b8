/** Checks limits, and counts the items that they turn away. */

/** A new repo, a further tier of a known repo, a hint, a report of an incident, a mark. */
export const turnedAwayKinds = ['repo', 'pair', 'hint', 'incident', 'mark'] as const;
export type TurnedAwayKind = (typeof turnedAwayKinds)[number];
export type TurnedAway = Readonly<Record<TurnedAwayKind, number>>;

export interface Room {
  readonly turnedAway: TurnedAway;
  /** Whether there may be one more beside `count` others; if not, counts it as turned away. */
  admits(kind: TurnedAwayKind, count: number, most: number): boolean;
}

export function noneTurnedAway(): Record<TurnedAwayKind, number> {
  return { repo: 0, pair: 0, hint: 0, incident: 0, mark: 0 };
}

export function createRoom(): Room {
  const turnedAway = noneTurnedAway();
  return {
    turnedAway,
    admits(kind, count, most) {
      if (count < most) return true;
      turnedAway[kind]++;
      return false;
    },
  };
}
