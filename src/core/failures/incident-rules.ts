/** Finds the repo and tier of an alert: by its labels `dora_repo` and `dora_tier`, else by the policy's rules. */

import { compareText } from '../compare-text.ts';
import { matchesAnyGlob } from '../glob.ts';
import { longestRepoName, repoNamePattern } from '../repo.ts';

export type Labels = Readonly<Record<string, string>>;

/** Maps an alert to a repo and tier if all labels of the rule match. */
export interface IncidentRule {
  /** By name of the label: globs, one of which must match its value. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Full name, with `{{label}}` for the value of a label. */
  readonly repo: string;
  readonly tier: string;
}

/** A repo's name and a tier. */
export interface IncidentPlace {
  readonly repo: string;
  readonly tier: string;
}

export type AlertIgnoreReason = 'own_alert' | 'no_rule';

export const longestTierName = 256;
export const repoLabel = 'dora_repo';
export const tierLabel = 'dora_tier';
const ownLabel = 'dora_own';
const ownNames = 'Dora';

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const labelReference = /\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}/g;

/** The mistake in the name of a label in a rule; `null`: there is none. */
export function labelNameProblem(name: string): string | null {
  return labelName.test(name) ? null : 'expected the name of a label, of letters, digits and underscores';
}

/** The mistake in the repo of a rule; `null`: there is none. */
export function ruleRepoProblem(repo: string): string | null {
  const plain = repo.replace(labelReference, '');
  if (/\{\{|\}\}/.test(plain)) return 'expected {{label}} with the name of a label between the braces';
  return plain === repo && !repo.includes('/') ? 'expected owner/name, or {{label}} for a part of it' : null;
}

/** Whether the repo of a rule is the same for every alert. */
export function namesNoLabel(repo: string): boolean {
  return repo.search(labelReference) === -1;
}

/** The place of an alert, or the reason why it has none. */
export function placeOfAlert(
  labels: Labels,
  rules: readonly IncidentRule[],
): IncidentPlace | AlertIgnoreReason {
  if (isOwnAlert(labels)) return 'own_alert';
  const repo = labelOf(labels, repoLabel);
  const tier = labelOf(labels, tierLabel);
  if (repo && tier) return isPlace(repo, tier) ? { repo, tier } : 'no_rule';
  for (const rule of rules) {
    if (!matchesLabels(rule, labels)) continue;
    const repo = fill(rule.repo, labels);
    if (repo !== null && isPlace(repo, rule.tier)) return { repo, tier: rule.tier };
  }
  return 'no_rule';
}

function isPlace(repo: string, tier: string): boolean {
  return repo.length <= longestRepoName && repoNamePattern.test(repo) && tier.length <= longestTierName;
}

/** Our own alerts report failed deployments: as incidents they would keep themselves open. */
function isOwnAlert(labels: Labels): boolean {
  if (labelOf(labels, ownLabel) !== null) return true;
  return labelOf(labels, 'alertname')?.startsWith(ownNames) ?? false;
}

/** A rule does not match if the alert lacks one of its labels. */
function matchesLabels(rule: IncidentRule, labels: Labels): boolean {
  return Object.entries(rule.labels).every(([name, globs]) => {
    const value = labelOf(labels, name);
    return value !== null && matchesAnyGlob(globs, value);
  });
}

/** Anybody may choose the names of labels: one may be that of a property of every object, like `constructor`. */
function labelOf(labels: Labels, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
}

/** `text` with the values of its labels; `null` if one of these is missing or empty. */
function fill(text: string, labels: Labels): string | null {
  let isComplete = true;
  const filled = text.replace(labelReference, (_, name: string) => {
    const value = labelOf(labels, name);
    if (!value) isComplete = false;
    return value ?? '';
  });
  return isComplete ? filled : null;
}

const mostLabelBytes = 4096;
/** Bytes of a label in JSON beside name and value: four quotes, a colon and a comma. */
const punctuationBytes = 6;

/** The labels of an alert to store: all of them if they fit; else `dora_repo` and `dora_tier`, then the shortest. */
export function labelsToKeep(labels: Labels): Labels {
  const entries = Object.entries(labels).map(([name, value]) => ({
    name,
    value,
    bytes: byteLength(name) + byteLength(value) + punctuationBytes,
    isPlace: name === repoLabel || name === tierLabel,
  }));
  entries.sort(
    (a, b) => Number(b.isPlace) - Number(a.isPlace) || a.bytes - b.bytes || compareText(a.name, b.name),
  );
  const kept: [name: string, value: string][] = [];
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.bytes;
    if (bytes > mostLabelBytes) break;
    kept.push([entry.name, entry.value]);
  }
  return Object.fromEntries(kept);
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
