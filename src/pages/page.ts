/**
 * The frame of every page, its style, and the headers that it is sent with.
 *
 * Pages are plain HTML; the template escapes everything from outside, and the content security policy allows the pages'
 * own style and nothing else. Links are relative, so that a proxy may serve all of it below a path.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { html, raw } from 'hono/html';

const style = readFileSync(new URL('page.css', import.meta.url), 'utf8');
const styleHash = createHash('sha256').update(style).digest('base64');

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export type Html = ReturnType<typeof html>;

export interface Frame {
  readonly title: string;
  /** The page that is shown, to mark it among the links. */
  readonly current?: '' | 'operations';
  /** Path to the root, relative to the page. */
  readonly root?: string;
}

export async function renderPage({ title, current, root = './' }: Frame, body: Html): Promise<string> {
  const link = (path: '' | 'operations', words: string) =>
    html`<a href="${root}${path}"${current === path ? raw(' aria-current="page"') : ''}>${words}</a>`;
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${raw(style)}</style></head>
<body>
<header><strong>DORA</strong><nav aria-label="Pages">${link('', 'Overview')} ${link('operations', 'Operations')}</nav></header>
<main>
${body}
</main>
</body></html>
`;
  return String(await page);
}

/** `explain` with its query, relative to the root. */
export function explainLink(query: Readonly<Record<string, string>>): string {
  return `explain?${new URLSearchParams(query)}`;
}
