/** A problem as a page for browsers: the status and fields of its JSON, and links to the other pages. */

import type { Context, MiddlewareHandler } from 'hono';
import { html } from 'hono/html';
import type { z } from 'zod';
import { pageHeaders, renderPage } from '../pages/page.ts';
import { problemType } from './problem.ts';
import { ProblemJson } from './schemas.ts';

/** Texts for problems without a detail, by status. */
const usualDetails: Readonly<Record<number, string>> = {
  404: 'There is nothing at this address.',
  405: 'This address can only be looked at.',
  500: 'The log of the exporter says more.',
};

/** Converts every answer of its routes with `asPage`. */
export const problemPages: MiddlewareHandler = async (c, next) => {
  await next();
  const page = await asPage(c, c.res);
  // Setting the same response would copy its body, and memory would contain a copy for each slow reader.
  if (page !== c.res) c.res = page;
};

/** The response; but if it is a problem, and the client is a browser, a page with the same content. */
export async function asPage(c: Context, response: Response): Promise<Response> {
  if (response.headers.get('content-type') !== problemType || !prefersHtml(c.req.header('accept') ?? '')) {
    return response;
  }
  const page = await renderProblem(ProblemJson.parse(await response.json()), rootFrom(c.req.path));
  const headers = { ...Object.fromEntries(response.headers), ...pageHeaders };
  return new Response(page, { status: response.status, headers });
}

/** Whether the client is a browser, which accepts HTML by name. A client that also accepts JSON by name gets JSON. */
function prefersHtml(accept: string): boolean {
  const isHtmlNamed = /\btext\/html\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept);
  return isHtmlNamed && !/\bapplication\/(problem\+)?json\b/i.test(accept);
}

/** The relative path to the root, since a proxy may serve the pages below a path. */
function rootFrom(path: string): string {
  return '../'.repeat(path.split('/').length - 2) || './';
}

function renderProblem(
  { title, status, detail, errors = [] }: z.infer<typeof ProblemJson>,
  root: string,
): Promise<string> {
  return renderPage(
    { title, root },
    html`<h1>${title} <span class="dim">${status}</span></h1>
<p>${detail ?? usualDetails[status] ?? ''}</p>
${
  errors.length === 0
    ? ''
    : html`<table class="narrow">${errors.map(
        ({ path, message }) => html`<tr><th scope="row"><code>${path}</code></th><td>${message}</td></tr>`,
      )}</table>`
}`,
  );
}
