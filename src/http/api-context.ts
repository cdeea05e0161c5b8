/**
 * The values that the routes of figures share, and their answer to a query for a repo or tier that is not shown. The routes
 * only read, and have the same figures as `/metrics`. Each answer is bounded, or written in pieces.
 */

import type { Explain } from '../core/explain.ts';
import type { ListIncidents } from '../core/failures/listed-incident.ts';
import type { FigureHistory } from '../core/figure-history.ts';
import type { ShowOverview } from '../core/overview.ts';
import type { LooksFor, Policy, Window } from '../core/policy.ts';
import { nameKey } from '../core/repo.ts';
import type { Projected, Projection } from '../core/series/samples.ts';
import type { ShowPastFigures } from '../core/shown-figures.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { problem } from './problem.ts';

export interface ApiDependencies {
  readonly projection: Projection;
  readonly explain: Explain;
  readonly history: FigureHistory;
  readonly overview: ShowOverview;
  readonly pastFigures: ShowPastFigures;
  readonly listIncidents: ListIncidents;
  readonly policy: LooksFor & Pick<Policy, 'windows'>;
  readonly nowSeconds: () => number;
  /** Another number after every change of the stored data. */
  readonly stateVersion: () => number;
}

export interface ApiContext extends ApiDependencies {
  readonly windows: readonly Window[];
  /** All series and tiers at `now`, in Unix seconds. */
  project(now: number): Promise<Projected>;
  /** 404, with the possible choices. */
  noSuchSeries(query: SeriesQuery): Promise<Response>;
}

export interface SeriesQuery {
  readonly repo?: string | undefined;
  readonly tier?: string | undefined;
}

const mostChoices = 20;

export function createApiContext(dependencies: ApiDependencies): ApiContext {
  const { projection, policy, nowSeconds } = dependencies;
  const project = (now: number): Promise<Projected> => projection.prepared(now, createEventLoopYield());
  return {
    ...dependencies,
    windows: policy.windows,
    project,
    noSuchSeries: async (query) => refuse(await project(nowSeconds()), query),
  };
}

/** Names the tiers of the repo if it is known, else repos, similar names first. */
function refuse({ series }: Projected, { repo, tier }: SeriesQuery): Response {
  const choose = (path: string, values: readonly string[]) => {
    const known = [...new Set(values)];
    const shown = known.slice(0, mostChoices).join(', ');
    const more = known.length > mostChoices ? ` and ${known.length - mostChoices} more` : '';
    const message = known.length === 0 ? 'There are none yet' : `Expected one of ${shown}${more}`;
    return problem(404, { detail: `No such ${path}`, errors: [{ path, message }] });
  };
  if (repo === undefined) return choose('tier', series.map((sample) => sample.tier).sort());
  const tiers = series.flatMap((sample) => (nameKey(sample.repo) === nameKey(repo) ? sample.tier : []));
  if (tiers.length > 0 && tier !== undefined) return choose('tier', tiers);
  const lastPart = nameKey(repo.slice(repo.lastIndexOf('/') + 1));
  const names = series.map((sample) => sample.repo);
  const isLike = (name: string) => nameKey(name).includes(lastPart);
  return choose('repo', [...names.filter(isLike), ...names]);
}
