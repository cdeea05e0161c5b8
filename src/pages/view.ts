/** What an overview shows, as its address says it: window, tier, search, order and moment. */

import type { FailedDeployment, OverviewRequest, RowOrder } from '../core/overview.ts';
import { iso } from '../util/moment.ts';
import { type ExplainView, explainLink } from './explain-view.ts';

export type View = OverviewRequest;

/** Whether a column is sorted first from its end. */
export function startsDescending(order: RowOrder): boolean {
  return order !== 'repo';
}

export const usualOrder: RowOrder = 'failing';

/** `-` before the order turns it round. */
function sortText({ order, isDescending }: Pick<View, 'order' | 'isDescending'>): string {
  return isDescending === startsDescending(order) ? order : `-${order}`;
}

export function readSort(text: string): Pick<View, 'order' | 'isDescending'> {
  const isTurned = text.startsWith('-');
  const order = (isTurned ? text.slice(1) : text) as RowOrder;
  return { order, isDescending: startsDescending(order) !== isTurned };
}

/** The fields of a view's address; what is as usual is left out. */
export function fieldsOf(view: View): Readonly<Record<string, string>> {
  const sort = sortText(view);
  return {
    window: view.window.name,
    ...(view.tier !== null && { tier: view.tier }),
    ...(view.search !== '' && { repo: view.search }),
    ...(sort !== usualOrder && { sort }),
    ...(view.at !== null && { at: iso(view.at) }),
  };
}

/** Relative to the overview. */
export function viewLink(view: View, change: Partial<View> = {}): string {
  return `./?${new URLSearchParams(fieldsOf({ ...view, ...change }))}`;
}

/** What explains a repo's figures of this view. */
export function explainViewOf({ window, at }: View, repo: string, tier: string): ExplainView {
  return { repo, tier, window: window.name, at };
}

/** The row of a deployment in its explanation. */
export function deploymentLink(
  view: View,
  { repo, tier, number, at }: Pick<FailedDeployment, 'repo' | 'tier' | 'number' | 'at'>,
): string {
  return `${explainLink(explainViewOf(view, repo, tier))}#p${number}-${at}`;
}
