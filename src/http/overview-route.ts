/** `/`: the overview of a window, a tier, a moment. */

import type { Context } from 'hono';
import { z } from 'zod';
import { rowOrders } from '../core/overview.ts';
import type { Window } from '../core/policy.ts';
import { readSort, usualOrder, type View } from '../pages/addresses.ts';
import { renderOverviewPage } from '../pages/overview-page.ts';
import { pageHeaders } from '../pages/page.ts';
import type { Status } from '../pages/status.ts';
import type { ApiContext } from './api-context.ts';
import { toMinute, windowEnd } from './moment.ts';
import { readQuery, windowOf } from './query.ts';

const longestSearch = 200;
const mostViews = 16;
/** How long a page is sent again. */
const sharedMs = 1_000;

const sorts = rowOrders.flatMap((order) => [order, `-${order}`]);

/** `now` in Unix seconds. */
export const OverviewQuery = (windows: readonly Window[], now: number) =>
  z.strictObject({
    window: windowOf(windows, usualWindow(windows)),
    tier: z.string().min(1).optional(),
    repo: z.string().max(longestSearch).optional(),
    sort: z.enum(sorts).default(usualOrder),
    at: windowEnd(now),
  });

/** Neither the shortest nor the longest, if there is such a one. */
function usualWindow(windows: readonly Window[]): Window | undefined {
  return windows.toSorted((a, b) => a.seconds - b.seconds)[windows.length >> 1];
}

type Page = Uint8Array<ArrayBuffer>;

export function overviewRoute(
  { overview, stateVersion, windows, nowSeconds, noSuchSeries }: ApiContext,
  status: () => Promise<Status>,
) {
  /** By content and second, so that many slow readers share the bytes of few pages. */
  const renderings = new Map<string, Promise<Page | null>>();

  const render = async (view: View): Promise<Page | null> => {
    const shown = await overview(view);
    if (view.tier !== null && !shown.tierNames.includes(view.tier)) return null;
    return new TextEncoder().encode(
      await renderOverviewPage(shown, { view, windows, status: await status() }),
    );
  };
  const share = (view: View): Promise<Page | null> => {
    const key = JSON.stringify([view, stateVersion(), Math.floor(nowSeconds())]);
    const known = renderings.get(key);
    if (known) return known;
    const rendering = render(view);
    if (renderings.size < mostViews) renderings.set(key, rendering);
    const forget = () => renderings.delete(key);
    rendering.then(() => setTimeout(forget, sharedMs).unref(), forget);
    return rendering;
  };

  return async (c: Context): Promise<Response> => {
    const now = Math.floor(nowSeconds());
    const query = readQuery(c, OverviewQuery(windows, now), { dropsEmpty: true });
    if (query instanceof Response) return query;
    const { window, tier = null, repo: search = '' } = query;
    const at = query.at === undefined ? null : toMinute(query.at);
    const page = await share({ window, tier, search, at, ...readSort(query.sort) });
    return page === null ? noSuchSeries({ tier: tier ?? '' }) : c.body(page, 200, pageHeaders);
  };
}
