/** The table of repos, in the chosen order. Each figure has the colour of its score. */

import { html, raw } from 'hono/html';
import type { FigureScore } from '../core/figures/shown-figure.ts';
import type { Overview, PairRow, RowOrder } from '../core/overview.ts';
import { type FigureScores, scoreOf } from '../core/quick-check-score.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { counted } from '../util/pluralize.ts';
import {
  explainLink,
  explainViewOf,
  fieldsOf,
  startsDescending,
  usualOrder,
  type View,
  viewLink,
} from './addresses.ts';
import { hiddenFields } from './controls.ts';
import { levelOf, type PageFigure, pageFigures, scoreWords, valueWords } from './figure-words.ts';
import type { Html } from './page.ts';
import { age, ago } from './words.ts';

type Column = Pick<View, 'order'> & { readonly words: string };

const rowsAtOnce = 50;

const columns: readonly Column[] = [
  { order: 'repo', words: 'Repo' },
  ...pageFigures.map(({ column }) => column),
  { order: 'last', words: 'Last deployment' },
];

/** Long tables are written in slices: `yieldToEventLoop` is called between them. */
export async function repoTable(
  { rows, matching, pairs, at }: Overview,
  view: View,
  yieldToEventLoop: () => Promise<void>,
): Promise<Html> {
  if (pairs === 0) return html``;
  const written: Html[] = [];
  for (const row of rows) {
    if (written.length % rowsAtOnce === 0) await yieldToEventLoop();
    written.push(repoRow(row, view, at));
  }
  return html`<section aria-labelledby="repos"><header class="bar"><h2 id="repos">Repos</h2>${searchForm(view)}</header>
${
  rows.length === 0
    ? noneFound(view)
    : html`${sortChoices(view)}<div class="wide panel"><table class="repos"><caption>${caption(rows.length, matching, view)}</caption>
<thead><tr>${columns.map((column) => heading(column, view))}</tr></thead>
<tbody>${written}</tbody></table></div>`
}</section>`;
}

function noneFound(view: View): Html {
  if (view.search === '') return html`<p class="panel">None had a deployment yet.</p>`;
  return html`<p class="panel">No repo matches “${view.search}”. <a href="${viewLink(view, { search: '' })}">Show all</a></p>`;
}

function searchForm(view: View): Html {
  const { repo: _, ...others } = fieldsOf(view);
  return html`<form method="get" action="./" role="search">${hiddenFields(others)}
<label><span class="unseen">Part of a repo's name</span><input type="search" name="repo" value="${view.search}" placeholder="owner/name" autocomplete="off" spellcheck="false" maxlength="200"></label>
<button>Search</button>${view.search === '' ? '' : html` <a href="${viewLink(view, { search: '' })}">All</a>`}</form>`;
}

function caption(shown: number, matching: number, { window, search }: View): string {
  const which = search === '' ? '' : ` that match “${search}”`;
  const all = `${counted(matching, 'pair')} of repo and tier${which}, over ${window.name}. A name leads to every deployment behind its figures.`;
  return shown < matching ? `The first ${shown} of ${all} Search to narrow them down.` : all;
}

/** Replaces the headings on narrow screens. */
function sortChoices(view: View): Html {
  const failing = { order: usualOrder, words: 'Failing first' } as const;
  return html`<nav class="sorts" aria-label="Sort"><span class="dim">Sort</span> ${[failing, ...columns].map(
    ({ order, words }) =>
      html`<a href="${`${orderLink(order, view)}#repos`}"${view.order === order ? raw(' aria-current="true"') : ''}>${words}${arrowOf(order, view)}</a> `,
  )}</nav>`;
}

/** Sorts by the column; if the table is already sorted by it, reverses the order. */
function orderLink(order: RowOrder, view: View): string {
  const isDescending = view.order === order ? !view.isDescending : startsDescending(order);
  return viewLink(view, { order, isDescending });
}

function arrowOf(order: RowOrder, view: View): string {
  return view.order === order ? (view.isDescending ? ' ↓' : ' ↑') : '';
}

function heading({ order, words }: Column, view: View): Html {
  const isFirst = view.order === order;
  const sorted = isFirst ? raw(` aria-sort="${view.isDescending ? 'descending' : 'ascending'}"`) : '';
  return html`<th scope="col"${sorted}${order === 'repo' ? '' : raw(' class="n"')}><a href="${orderLink(order, view)}">${words}${arrowOf(order, view)}</a></th>`;
}

function repoRow(row: PairRow, view: View, at: number): Html {
  const { repo, tier, failingSince, lastAt, figures } = row;
  const scores: FigureScores | null = figures && scoreOf(figures, view.window).figures;
  const link = explainLink(explainViewOf(view, repo, tier));
  return html`<tr${failingSince > 0 ? raw(' class="failing"') : ''}><th scope="row">${failingSince > 0 ? raw('<span class="bad" aria-hidden="true">✕ </span>') : ''}<a href="${link}">${repo}</a> <span class="dim small">${tier}</span>${failingSince > 0 ? html` <span class="bad small nb">failing for ${age(at - failingSince)}</span>` : ''}</th>
${pageFigures.map((figure) => figureCell(figure.column.words, figures ? cellWords(figure, figures) : '–', scores?.[figure.key] ?? null))}<td class="n" data-label="Last deployment">${ago(lastAt, at)}</td></tr>`;
}

function cellWords(figure: PageFigure, figures: WindowFigures): string {
  const count = figure.countOf?.(figures);
  if (count === undefined) return valueWords(figure, figures);
  return count < 2 || figure.valueOf(figures) === null
    ? String(count)
    : `${count} · ${valueWords(figure, figures)}`;
}

function figureCell(label: string, text: string, score: FigureScore | null): Html {
  if (!score) return html`<td class="n" data-label="${label}">${text}</td>`;
  const title = `Quick Check: ${scoreWords(score)} of 10${score.class ? `, ${score.class.words}` : ''}`;
  return html`<td class="n" data-label="${label}" title="${title}">${text} <span class="score ${levelOf(score)}">${scoreWords(score)}</span></td>`;
}
