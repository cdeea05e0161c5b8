/** The controls of pages: choices as links, and a form for the day. They work without a script. */

import { html } from 'hono/html';
import { iso } from '../util/moment.ts';
import type { Html } from './page.ts';

export interface Choice {
  readonly words: string;
  readonly link: string;
  readonly isChosen: boolean;
}

export function choices(label: string, all: readonly Choice[]): Html {
  return html`<nav aria-label="${label}"><span class="dim">${label}</span> ${all.map(
    ({ words, link, isChosen }) =>
      isChosen ? html`<strong aria-current="true">${words}</strong> ` : html`<a href="${link}">${words}</a> `,
  )}</nav>`;
}

export interface AsOf {
  /** The page, relative to the root. */
  readonly page: string;
  /** The other fields of the page's address. */
  readonly kept: Readonly<Record<string, string>>;
  /** Unix seconds; `null`: now. */
  readonly at: number | null;
  /** Leads to the same page at the present time. */
  readonly nowLink: string;
}

/** Chooses a day. The server takes a day as its end, and today as now. */
export function asOfForm({ page, kept, at, nowLink }: AsOf): Html {
  return html`<form method="get" action="${page}">${hiddenFields(kept)}<label class="dim">As of <input type="date" name="at" value="${at === null ? '' : iso(at).slice(0, 10)}"></label> <button>Show</button>${at === null ? '' : html` <a href="${nowLink}">Now</a>`}</form>`;
}

export function hiddenFields(fields: Readonly<Record<string, string>>): Html {
  return html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}`;
}
