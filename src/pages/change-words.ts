/** The change of a figure since the window before, in words. */

import { html } from 'hono/html';
import type { Window } from '../core/policy.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { compare, type PageFigure } from './figure-words.ts';
import type { Html } from './page.ts';
import { keepUnits, percent } from './words.ts';

const arrows = { up: '↑', down: '↓', same: '→' } as const;

/** `before`: the figures of the window before; `null`: nothing was shown then. */
export function changeWords(
  figure: PageFigure,
  figures: WindowFigures,
  before: WindowFigures | null,
  window: Window,
): Html {
  if (before && before.coverage < 1) {
    return html`<p class="small dim">not compared: of the ${window.name} before, ${knownWords(before)} is known</p>`;
  }
  const earlier = before && figure.valueOf(before);
  const found = compare(figure, figure.valueOf(figures), earlier);
  if (!found || earlier === null) return html`<p class="small dim">nothing to compare with</p>`;
  const tone = found.direction === 'same' ? 'dim' : found.isBetter ? 'good' : 'bad';
  return html`<p class="small"><span class="${tone}">${arrows[found.direction]} ${keepUnits(found.words)}</span><br><span class="dim">${keepUnits(figure.write(earlier))} in the ${window.name} before</span></p>`;
}

function knownWords({ coverage }: WindowFigures): string {
  return coverage === 0 ? 'nothing' : keepUnits(`only ${percent(coverage)}`);
}
