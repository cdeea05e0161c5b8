/** The states of all figures after the deployments of a series. */

import type { Deployment } from '../deployment.ts';
import { counts, everything, type KnownGround } from '../known-ground.ts';
import type { Figure, FigureRules } from './figure.ts';
import { figures } from './index.ts';

export interface Fold {
  /** Known ground of the repo whose deployments are folded. */
  readonly ground: KnownGround;
  /** State of each figure, in the order of `figures`. */
  readonly states: readonly unknown[];
}

/** The state of one figure. */
export function stateOf<S>({ states }: Fold, figure: Figure<S>): S {
  return states[figures.indexOf(figure as Figure<unknown>)] as S;
}

/** The state before any deployment. */
export function startFold(rules: FigureRules, ground: KnownGround = everything): Fold {
  return { ground, states: figures.map((figure) => figure.initial(rules)) };
}

/** The state after one more deployment, which must not be earlier than those before. */
export function stepFold({ ground, states }: Fold, deployment: Deployment): Fold {
  const isCounted = counts(ground, deployment);
  return {
    ground,
    states: figures.map(({ step, stepBeyond = step }, index) =>
      (isCounted ? step : stepBeyond)(states[index], deployment),
    ),
  };
}

/** `earlier`, sharing memory with `later`, which was folded from it; the same object if it shares already. */
export function shareFold(earlier: Fold, later: Fold): Fold {
  let isShared = true;
  const states = figures.map(({ share }, index) => {
    const state = earlier.states[index];
    const shared = share ? share(state, later.states[index]) : state;
    isShared &&= shared === state;
    return shared;
  });
  return isShared ? earlier : { ground: earlier.ground, states };
}

/**
 * Carries `fold` over deployments that a change of earlier ones leaves as they are: the new folds for `later`, of which
 * the first becomes `fold`. `later`: the folds before the change. `null`: the deployments must be folded again.
 */
export function carryFold(fold: Fold, later: readonly Fold[]): readonly Fold[] | null {
  const carried: (readonly unknown[])[] = [];
  for (const [index, { carry = carryEqual }] of figures.entries()) {
    const states = carry(
      fold.states[index],
      later.map(({ states }) => states[index]),
    );
    if (states === null) return null;
    carried.push(states);
  }
  return later.map(({ ground }, place) => ({ ground, states: carried.map((states) => states[place]) }));
}

function carryEqual(state: unknown, later: readonly unknown[]): readonly unknown[] | null {
  return state === later[0] ? later : null;
}
