/** The shape and the words of each outcome of a deployment, with one for each cause of failure. */

import {
  type SymbolType,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
} from 'd3-shape';
import { html } from 'hono/html';
import { type Cause, causes } from '../core/verdict.ts';
import type { Html } from './page.ts';

export type Mark = Cause | 'success';

export const markWords: Readonly<Record<Mark, string>> = {
  success: 'succeeded',
  pipeline: 'pipeline failed',
  rollback: 'rolled back',
  fix: 'fixed or reverted',
  incident: 'incident',
  operator: 'marked as failed',
};

/** The cross is turned, so that it looks like an x. */
const shapes: Readonly<Record<Mark, { readonly type: SymbolType; readonly turn?: number }>> = {
  success: { type: symbolCircle },
  pipeline: { type: symbolCross, turn: 45 },
  rollback: { type: symbolTriangle, turn: -90 },
  fix: { type: symbolDiamond },
  incident: { type: symbolStar },
  operator: { type: symbolSquare },
};

/** By mark and area, since a page may have thousands. */
const paths = new Map<string, Html>();

/** The mark around the origin of its coordinates; `area` in square pixels. */
export function markPath(mark: Mark, area = 46): Html {
  const key = `${mark} ${area}`;
  const path = paths.get(key) ?? drawMark(mark, area);
  paths.set(key, path);
  return path;
}

function drawMark(mark: Mark, area: number): Html {
  const { type, turn } = shapes[mark];
  const path = symbol(type, area)() ?? '';
  return turn === undefined
    ? html`<path class="mark ${mark}" d="${path}"/>`
    : html`<path class="mark ${mark}" d="${path}" transform="rotate(${turn})"/>`;
}

/** The mark in a line of text. */
export function inlineMark(mark: Mark): Html {
  return html`<svg class="glyph" viewBox="-7 -7 14 14" width="14" height="14" aria-hidden="true">${markPath(mark, 60)}</svg>`;
}

/** A legend of marks with their words, and with their numbers if `counts` has them. */
export function legend(marks: readonly Mark[], counts?: ReadonlyMap<Mark, number>): Html {
  return html`<ul class="legend">${marks.map((mark) => html`<li>${inlineMark(mark)} ${markWords[mark]}${counts ? html` <strong>${counts.get(mark) ?? 0}</strong>` : ''}</li>`)}</ul>`;
}

/** The given causes, each once, in the usual order. */
export function inOrder(some: Iterable<Cause>): readonly Cause[] {
  const given = new Set(some);
  return causes.filter((cause) => given.has(cause));
}

export function causeWords(some: readonly Cause[]): string {
  return some.map((cause) => markWords[cause]).join(', ');
}
