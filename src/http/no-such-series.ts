/** The answer to a query for a repo or tier that is not shown, with the possible choices. */

import { nameKey } from '../core/repo.ts';
import type { Projected } from '../core/series/samples.ts';
import { problem } from './problem.ts';

const mostChoices = 20;

/** 404, with the tiers of the repo if that is known, else with names of repos, similar ones first. */
export function noSuchSeries(
  { series }: Projected,
  { repo, tier }: { readonly repo?: string | undefined; readonly tier?: string | undefined },
): Response {
  const choose = (path: string, values: readonly string[]) => {
    const known = [...new Set(values)];
    const shown = known.slice(0, mostChoices).join(', ');
    const more = known.length > mostChoices ? ` and ${known.length - mostChoices} more` : '';
    const message = known.length === 0 ? 'There are none yet' : `Expected one of ${shown}${more}`;
    return problem(404, { detail: `No such ${path}`, errors: [{ path, message }] });
  };
  if (repo === undefined) return choose('tier', series.map((sample) => sample.tier).sort());
  const ofRepo = series.filter((sample) => nameKey(sample.repo) === nameKey(repo));
  if (ofRepo.length > 0 && tier !== undefined) {
    return choose(
      'tier',
      ofRepo.map((sample) => sample.tier),
    );
  }
  const lastPart = nameKey(repo.slice(repo.lastIndexOf('/') + 1));
  const names = series.map((sample) => sample.repo);
  const isLike = (name: string) => nameKey(name).includes(lastPart);
  return choose('repo', [...names.filter(isLike), ...names]);
}
