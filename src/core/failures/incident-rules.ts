/** Which repo and tier an alert belongs to: by two labels of its own, else by the policy's rules. */

import { compareText } from '../compare-text.ts';
import { matchesAnyGlob } from '../glob.ts';
import { longestRepoName, repoNamePattern } from '../repo.ts';

export type Labels = Readonly<Record<string, string>>;

/** Maps alerts to a repo and tier, if all its labels match. */
export interface IncidentRule {
  /** By name of the label, globs of which one must match its value. */
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

/** What is wrong with the name of a label in a rule; `null`: nothing. */
export function labelNameProblem(name: string): string | null {
  return labelName.test(name) ? null : 'expected the name of a label, of letters, digits and underscores';
}

/** What is wrong with the repo of a rule; `null`: nothing. */
export function ruleRepoProblem(repo: string): string | null {
  const plain = repo.replace(labelReference, '');
  if (/\{\{|\}\}/.test(plain)) return 'expected {{label}} with the name of a label between the braces';
  return plain === repo && !repo.includes('/') ? 'expected owner/name, or {{label}} for a part of it' : null;
}

/** Whether the repo of a rule is the same for every alert. */
export function namesNoLabel(repo: string): boolean {
  return repo.search(labelReference) === -1;
}

/** The place of an alert; why it has none, if it has none. */
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

/** Our own alerts tell of failed deployments: as incidents they would keep themselves open. */
function isOwnAlert(labels: Labels): boolean {
  if (labelOf(labels, ownLabel) !== null) return true;
  return labelOf(labels, 'alertname')?.startsWith(ownNames) ?? false;
}

/** A condition on a label that the alert lacks does not hold. */
function matchesLabels(rule: IncidentRule, labels: Labels): boolean {
  return Object.entries(rule.labels).every(([name, globs]) => {
    const value = labelOf(labels, name);
    return value !== null && matchesAnyGlob(globs, value);
  });
}

/** Labels come from outside: a name may be that of a property which every object has. */
function labelOf(labels: Labels, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
}

/** `null` if a label that the text refers to is missing. */
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
/** Of a label as JSON: four quotes, a colon and a comma. */
const punctuationBytes = 6;

/** The labels that are kept of an alert: all of them, if they fit; else its own place, then the shortest. */
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
