/** Joins the explanations of repos that share a name into one. */

import { compareDeployments } from './deployment.ts';
import { type Explained, mostDrawn } from './explain.ts';
import { earliest } from './figures/figure.ts';
import { createContentDraft } from './windows/window-content.ts';

/** Keeps the latest `most` parts. */
export function combineExplained(all: readonly Explained[], most: number): Explained {
  const [first, ...others] = all;
  if (first && others.length === 0) return first;
  const draft = createContentDraft();
  const withoutLeadTime = { nothing_new: 0, pending: 0, unknown: 0 };
  for (const { content, withoutLeadTime: missing } of all) {
    draft.add(content);
    for (const kind of ['nothing_new', 'pending', 'unknown'] as const) withoutLeadTime[kind] += missing[kind];
  }
  return {
    content: draft.finish(),
    withoutLeadTime,
    failingSince: earliest(all.map(({ failingSince }) => failingSince)),
    parts: all
      .flatMap(({ parts }) => parts)
      .sort((a, b) => compareDeployments(a.deployment, b.deployment))
      .slice(-most),
    beyond: {
      count: all.reduce((sum, { beyond }) => sum + beyond.count, 0),
      latest: all
        .flatMap(({ beyond }) => beyond.latest)
        .sort(compareDeployments)
        .slice(-most),
    },
    drawn: all
      .flatMap((one) => one.drawn)
      .sort(compareDeployments)
      .slice(-mostDrawn),
    episodes: all.flatMap(({ episodes }) => episodes).sort((a, b) => a.start - b.start),
  };
}
