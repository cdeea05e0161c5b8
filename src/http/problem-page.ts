/** A problem for a person: the same status and the same facts as its JSON, and the way back to the other pages. */

import type { Context, MiddlewareHandler } from 'hono';
import { html } from 'hono/html';
import type { z } from 'zod';
import { pageHeaders, renderPage } from '../pages/page.ts';
import { problemType } from './problem.ts';
import { ProblemJson } from './schemas.ts';

/** What to say where the problem itself has no detail. */
const usualDetails: Readonly<Record<number, string>> = {
  404: 'There is nothing at this address.',
  405: 'This address can only be looked at.',
  500: 'The log of the exporter says more.',
};

/** Makes `asPage` of every answer of the routes that it is used for. */
export const problemPages: MiddlewareHandler = async (c, next) => {
  await next();
  const page = await asPage(c, c.res);
  // Setting it copies the body, though it is the same: each slow reader would hold a page of its own.
  if (page !== c.res) c.res = page;
};

/** The response; where that is a problem, and a browser asks, a page that says the same. */
export async function asPage(c: Context, response: Response): Promise<Response> {
  if (response.headers.get('content-type') !== problemType || !prefersHtml(c.req.header('accept') ?? '')) {
    return response;
  }
  const page = await renderProblem(ProblemJson.parse(await response.json()), rootFrom(c.req.path));
  const headers = { ...Object.fromEntries(response.headers), ...pageHeaders };
  return new Response(page, { status: response.status, headers });
}

/** Browsers name HTML; whoever takes anything, or JSON too, gets JSON. */
function prefersHtml(accept: string): boolean {
  const isHtmlNamed = /\btext\/html\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept);
  return isHtmlNamed && !/\bapplication\/(problem\+)?json\b/i.test(accept);
}

/** Relative, since a proxy may serve all of it below a path. */
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
