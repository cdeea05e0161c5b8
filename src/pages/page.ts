/**
 * The frame of every page: its style, its script and its headers.
 *
 * Pages are plain HTML. The template escapes all values. The content security policy allows only the style of the page, its
 * script, and the script's requests to this server. Links are relative, so that a proxy may serve the pages below a path.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { html, raw } from 'hono/html';

const style = readFileSync(new URL('page.css', import.meta.url), 'utf8');
const script = readFileSync(new URL('page.js', import.meta.url), 'utf8');
const styleHash = createHash('sha256').update(style).digest('base64');

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** The script of all pages. Another script has another address. */
export const pageScript = {
  path: '/page.js',
  version: createHash('sha256').update(script).digest('hex').slice(0, 12),
  text: script,
  headers: {
    'content-type': 'text/javascript; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'public, max-age=31536000, immutable',
  },
} as const;

export type Html = ReturnType<typeof html>;

export interface Frame {
  readonly title: string;
  /** The link to mark as the current page. */
  readonly current?: '' | 'operations';
  /** Path to the root, relative to the page. */
  readonly root?: string;
  /** Whether the page shows the present: its script then refreshes it. */
  readonly isLive?: boolean;
}

export async function renderPage(
  { title, current, root = './', isLive = false }: Frame,
  body: Html,
): Promise<string> {
  const link = (path: '' | 'operations', words: string) =>
    html`<a href="${root}${path}"${current === path ? raw(' aria-current="page"') : ''}>${words}</a>`;
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${raw(style)}</style>
<script defer src="${root}page.js?v=${pageScript.version}"></script></head>
<body>
<header><strong>DORA</strong><nav aria-label="Pages">${link('', 'Overview')} ${link('operations', 'Operations')}</nav></header>
<main${isLive ? raw(' data-live') : ''}>
${body}
</main>
<footer class="small dim">Times in <span data-zone>UTC</span>. Charts count in days of UTC.</footer>
</body></html>
`;
  return String(await page);
}
