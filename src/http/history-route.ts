/** `/api/history`: the figures of a tier, or of one repo in it, at several times. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Window } from '../core/policy.ts';
import { scoreOf } from '../core/quick-check-score.ts';
import { parseDurationSeconds } from '../util/duration.ts';
import { iso } from '../util/moment.ts';
import { figuresJson, scoreJson } from './api-answers.ts';
import type { ApiContext } from './api-context.ts';
import { json } from './json.ts';
import { pastMoment } from './moment.ts';
import { problem } from './problem.ts';
import { readQuery, windowOf } from './query.ts';
import type { HistoryJson } from './schemas.ts';

const mostPoints = 100;
/** Number of points if the query has no `from`. */
const usualPoints = 12;

/** How long an answer up to now is sent again, in seconds, if the state has not changed. */
const sharedSeconds = 60;

/** Schema of the query. `now`: Unix seconds; `reference`: as of `pastMoment`. */
export const HistoryQuery = (windows: readonly Window[], now: number, reference = now) => {
  const time = pastMoment(now, reference);
  return z.strictObject({
    tier: z.string().min(1),
    repo: z.string().min(1).optional(),
    window: windowOf(windows, windows[0]),
    from: time.optional(),
    to: time.optional(),
    step: z
      .string()
      .transform((text, context) => {
        const seconds = parseDurationSeconds(text);
        if (seconds !== null && seconds > 0) return seconds;
        context.addIssue({ code: 'custom', message: 'Expected a duration such as 1d or 12h' });
        return z.NEVER;
      })
      .optional(),
  });
};

export function historyRoute({ history, windows, nowSeconds, stateVersion, noSuchSeries }: ApiContext) {
  let shared = { at: 0, version: -1 };
  /** The same moment for a while, so that requests that leave out times, or give ages, share an answer. */
  const referenceAt = (now: number): number => {
    const isOld = now < shared.at || now - shared.at >= sharedSeconds;
    if (isOld || shared.version !== stateVersion()) shared = { at: now, version: stateVersion() };
    return shared.at;
  };

  return async (c: Context): Promise<Response> => {
    const now = Math.floor(nowSeconds());
    const reference = referenceAt(now);
    const query = readQuery(c, HistoryQuery(windows, now, reference));
    if (query instanceof Response) return query;
    const isAfterReference = query.from !== undefined && query.from > reference;
    const { repo, tier, window, to = isAfterReference ? now : reference, step = window.seconds } = query;
    const from = query.from ?? to - (usualPoints - 1) * step;
    const refuse = (path: string, message: string) =>
      problem(422, { detail: 'Query is not as expected', errors: [{ path, message }] });
    if (from > to) return refuse('from', 'Expected a time that is not after "to"');
    const points = Math.floor((to - from) / step) + 1;
    if (points > mostPoints) return refuse('step', `Expected at most ${mostPoints} points, not ${points}`);
    const ends = Array.from({ length: points }, (_, place) => from + place * step);
    const found = await history({ repo: repo ?? null, tier, window, ends });
    if (!found) return noSuchSeries(query);
    const body: HistoryJson = {
      repo: repo ?? null,
      tier,
      window: { name: window.name, seconds: window.seconds },
      points: found.map(({ end, figures }) => ({
        end: iso(end),
        figures: figures && figuresJson(figures),
        score: figures && scoreJson(scoreOf(figures, window)),
      })),
    };
    return json(body);
  };
}
