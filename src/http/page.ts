/**
 * What pages for people share: frame, style, and how times, durations and rates are put.
 *
 * Plain HTML without script; everything from outside is escaped by the template, and the content security policy allows
 * nothing but the pages' own style. Links are relative, so that a proxy may serve all of it below a path.
 */

import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { TimeFigure } from '../core/windows/window-figures.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; }
.wide { overflow-x: auto; } table.narrow { width: auto; }
th, td { text-align: left; overflow-wrap: break-word; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.name { overflow-wrap: anywhere; min-width: 8rem; max-width: 24rem; }
time { white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #c62828; font-weight: 600; } .good { color: #2e7d32; } .dim { opacity: .65; }
a { color: #1558b0; }
code { font-size: .9em; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .8rem 0; }
nav strong { text-decoration: underline; text-underline-offset: .25em; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: 1rem 0; padding: 0; }
.card { border: 1px solid #8886; border-radius: .5rem; padding: .7rem .9rem; }
.card h2 { font-size: .9rem; margin: 0; font-weight: 600; } .card p { margin: 0; }
.card .value { font-size: 1.5rem; margin: .15rem 0; font-variant-numeric: tabular-nums; }
.small { font-size: .88rem; }
td.part { min-width: 14rem; } td.what { overflow-wrap: anywhere; min-width: 12rem; }
.nb, .nb code { white-space: nowrap; overflow-wrap: normal; }
details ul { margin: .2rem 0; padding-left: 1.1rem; } summary { cursor: pointer; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } .good { color: #81c784; } a { color: #8ab4f8; } }
@media (max-width: 40rem) {
  body { margin: 1rem auto; } th, td { padding-right: .6rem; }
  .story tr:first-child { display: none; } .story tr { display: block; padding: .5rem 0; border-bottom: 1px solid #8884; }
  .story td { display: block; min-width: 0; padding: .05rem 0; border: 0; } .story td:nth-child(-n+2) { display: inline-block; padding-right: .6rem; }
}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export type Html = ReturnType<typeof html>;

export async function renderPage(title: string, body: Html): Promise<string> {
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${raw(style)}</style></head>
<body>
${body}
</body></html>
`;
  return String(await page);
}

/** `explain` with its query, relative to the root. */
export function explainLink(query: Readonly<Record<string, string>>): string {
  return `explain?${new URLSearchParams(query)}`;
}

/** ISO 8601 of Unix seconds. */
export function iso(at: number): string {
  return new Date(at * 1000).toISOString().replace('.000Z', 'Z');
}

/** How long, in the largest unit that leaves at least two of it. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.max(Math.round(seconds), 0)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A time that is a figure: with one decimal where it is short for its unit. */
export function duration(seconds: number): string {
  const units = [
    [86_400, 'd', 172_800],
    [3600, 'h', 7200],
    [60, 'min', 120],
    [1, 's', 0],
  ] as const;
  const [length, unit] = units.find(([, , from]) => seconds >= from) ?? [1, 's'];
  const value = seconds / length;
  return `${Number(value.toFixed(value < 10 && length > 1 ? 1 : 0))} ${unit}`;
}

/** A rate from 0 to 1; a dash where there is none. */
export function percent(rate: number | null): string {
  return rate === null ? '–' : `${Number((rate * 100).toFixed(1))} %`;
}

/** A median; a dash without samples. */
export function medianOf({ median }: TimeFigure): string {
  return median === null ? '–' : duration(median);
}
