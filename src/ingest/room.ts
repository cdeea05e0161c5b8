/** The limits of what is held, and what was turned away at them. */

/** A repo that is new, a further tier of one that is known, a hint, a report of an incident, a mark. */
export const turnedAwayKinds = ['repo', 'pair', 'hint', 'incident', 'mark'] as const;
export type TurnedAwayKind = (typeof turnedAwayKinds)[number];
export type TurnedAway = Readonly<Record<TurnedAwayKind, number>>;

export interface Room {
  readonly turnedAway: TurnedAway;
  /** Whether one more may be held beside `count` others; counts it as turned away if not. */
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
