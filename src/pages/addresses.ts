/** The addresses of overviews and explanations, relative to the root. An address says what its page shows. */

import type { Listing } from '../core/explain.ts';
import type { FailedDeployment, OverviewRequest, RowOrder } from '../core/overview.ts';
import { iso } from '../util/moment.ts';

/** The content of an overview: window, tier, search, order and moment. */
export type View = OverviewRequest;

/** Whether the first click on a column sorts it in descending order. */
export function startsDescending(order: RowOrder): boolean {
  return order !== 'repo';
}

export const usualOrder: RowOrder = 'failing';

/** A leading `-` reverses the order. */
function sortText({ order, isDescending }: Pick<View, 'order' | 'isDescending'>): string {
  return isDescending === startsDescending(order) ? order : `-${order}`;
}

export function readSort(text: string): Pick<View, 'order' | 'isDescending'> {
  const isReversed = text.startsWith('-');
  const order = (isReversed ? text.slice(1) : text) as RowOrder;
  return { order, isDescending: startsDescending(order) !== isReversed };
}

/** The fields of an overview's address, without the defaults. */
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

export function viewLink(view: View, change: Partial<View> = {}): string {
  return `./?${new URLSearchParams(fieldsOf({ ...view, ...change }))}`;
}

/** The content of an explanation. */
export interface ExplainView {
  readonly repo: string;
  readonly tier: string;
  /** Name of the window. */
  readonly window: string;
  readonly show: Listing;
  /** Unix seconds; `null`: now. */
  readonly at: number | null;
}

/** The fields of an explanation's address, without the defaults. */
export function explainFields({ show, at, ...fields }: ExplainView): Readonly<Record<string, string>> {
  return {
    ...fields,
    ...(show !== 'everything' && { show }),
    ...(at !== null && { at: iso(at) }),
  };
}

export function explainLink(view: ExplainView): string {
  return `explain?${new URLSearchParams(explainFields(view))}`;
}

/** Leads to the list of pipelines. */
export function listLink(view: ExplainView): string {
  return `${explainLink(view)}#pipelines`;
}

/** The explanation of a repo and tier, with the window and the moment of an overview. */
export function explainViewOf({ window, at }: View, repo: string, tier: string): ExplainView {
  return { repo, tier, window: window.name, show: 'everything', at };
}

/** The id of a pipeline's row in an explanation. */
export function rowId({ number, at }: Pick<FailedDeployment, 'number' | 'at'>): string {
  return `p${number}-${at}`;
}

/** Leads to the row of a deployment in its explanation. */
export function deploymentLink(
  view: View,
  { repo, tier, ...row }: Pick<FailedDeployment, 'repo' | 'tier' | 'number' | 'at'>,
): string {
  return `${explainLink(explainViewOf(view, repo, tier))}#${rowId(row)}`;
}
