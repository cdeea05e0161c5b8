/**
 * How a figure is shown: its values in a window, their names in JSON, its words, and its score. API, pages and sorting
 * read all of it from here, so that each figure is described in its own file.
 *
 * Texts receive `write`, which writes a value in the figure's unit.
 */

import type { Window } from '../policy.ts';
import type { Cause } from '../verdict.ts';
import type { CountMetric, DistributionMetric } from './figure.ts';

/** One window of a series or a tier. */
export interface WindowReader {
  readonly count: (metric: CountMetric) => number;
  readonly time: (metric: DistributionMetric) => TimeFigure;
  /** Whether the policy looks for it in the tier. */
  readonly isLookedFor: (metric: CountMetric | DistributionMetric) => boolean;
  /** Number of deployments in the known part of the window. */
  readonly knownDeployments: number;
  /** Length of the known part. */
  readonly knownSeconds: number;
}

/** Seconds; `null` without samples. */
export interface TimeFigure {
  readonly samples: number;
  readonly median: number | null;
  readonly p95: number | null;
}

/** Types of values, as JSON distinguishes them. A rate is not negative, a ratio is from 0 to 1; `null`: unknown. */
interface ValueTypes {
  readonly count: number;
  readonly countOrNull: number | null;
  readonly countByCause: Readonly<Partial<Record<Cause, number>>>;
  readonly rate: number | null;
  readonly ratio: number | null;
  readonly time: TimeFigure;
}

/** A value that a figure has in a window. */
export type Field = {
  readonly [Type in keyof ValueTypes]: {
    /** Name in the code. */
    readonly key: string;
    /** Name in JSON. */
    readonly json: string;
    readonly type: Type;
    /** For the description of the API. */
    readonly description?: string;
    readonly read: (window: WindowReader) => ValueTypes[Type];
  };
}[keyof ValueTypes];

export type ValueOf<F extends Field> = ValueTypes[F['type']];

/** The values of fields, by their keys. */
export type ValuesOf<F extends Field> = { readonly [One in F as One['key']]: ValueOf<One> };

/** The values of a figure in a window, and two that every figure may use. */
type Values<Fields extends readonly Field[]> = ValuesOf<Fields[number]> & {
  readonly deployments: number;
  /** The known part of the window, from 0 to 1. */
  readonly coverage: number;
};

type Write = (value: number) => string;

/** `Order`: name of the order in which a table is sorted by it. */
export interface ShownFigure<Order extends string, Fields extends readonly Field[]> {
  readonly fields: Fields;
  readonly name: string;
  /** Its name in little room. */
  readonly shortName: string;
  /** Its column in a table of repos. */
  readonly column: { readonly order: Order; readonly words: string };
  readonly unit: 'perDay' | 'seconds' | 'ratio';
  readonly isMoreBetter: boolean;
  /** The value that is shown, compared and drawn; `null`: unknown. */
  readonly valueOf: (values: Values<Fields>) => number | null;
  /** The number from which the value follows: tables show it first, and are sorted by it. */
  readonly countOf?: (values: Values<Fields>) => number;
  /** What the value is made of, in few words. */
  readonly detail: (values: Values<Fields>, write: Write) => string;
  /** The same in an explanation. */
  readonly explanation: (values: Values<Fields>, write: Write, window: Window) => string;
  /** Absent: dora.dev's Quick Check does not ask for it. */
  readonly quickCheck?: QuickCheck<Fields>;
}

export type ScoredFigure<Order extends string, Fields extends readonly Field[]> = ShownFigure<
  Order,
  Fields
> & {
  readonly quickCheck: QuickCheck<Fields>;
};

interface QuickCheck<Fields extends readonly Field[]> {
  /** Mean score of all answers, over all industries. */
  readonly publishedMean: number;
  /** Shorter words of the classes, by their numbers. */
  readonly shortWords?: Readonly<Record<number, string>>;
  /** `null`: it has no score. */
  readonly scoreOf: (values: Values<Fields>, window: Window) => FigureScore | null;
}

export interface FigureScore {
  /** From 0 to 10. */
  readonly score: number;
  /** `null` if the figure is a percentage. */
  readonly class: { readonly number: number; readonly words: string } | null;
}
