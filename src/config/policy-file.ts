/**
 * The policy file: from YAML to the core's `Policy`.
 *
 * Guarantees: unknown keys are mistakes; all mistakes, also of the YAML itself, are reported at once, each with its
 * line; missing keys have their default values. Does not read the file, and does not apply the policy.
 */

import { z } from 'zod';
import { type IncidentRule, labelNameProblem, ruleRepoProblem } from '../core/failures/incident-rules.ts';
import { patternListProblem, patternProblem } from '../core/message-patterns.ts';
import { defaultPolicy, deploymentEvents, failureStatuses, type Policy } from '../core/policy.ts';
import { closest } from '../util/did-you-mean.ts';
import { parseDurationSeconds } from '../util/duration.ts';
import { type Path, type Problem, type ReadYaml, readYaml } from './read-yaml.ts';

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly string[] };

export function parsePolicy(yamlText: string): ParsedPolicy {
  const yaml = readYaml(yamlText);
  const parsed = schema.safeParse(yaml.value);
  const issues = parsed.error?.issues.flatMap((issue) => describe(issue, yaml.find)) ?? [];
  const problems = [...yaml.problems, ...issues.filter(({ line }) => line < yaml.garbledFrom)];
  if (!parsed.success || problems.length > 0) {
    problems.sort((a, b) => a.line - b.line);
    return { ok: false, problems: [...new Set(problems.map(({ line, text }) => `line ${line}: ${text}`))] };
  }
  const { tiers, default_tier, windows, rework, lead_time, failures, incidents } = parsed.data;
  const { ignore_repos, ...deployments } = parsed.data.deployments;
  const policy: Policy = {
    tiers:
      tiers?.map(({ deploy_to, ...rule }) => (deploy_to ? { ...rule, deployTo: deploy_to } : rule)) ??
      defaultPolicy.tiers,
    defaultTier: default_tier === undefined ? defaultPolicy.defaultTier : default_tier,
    deployments: {
      ...defaultPolicy.deployments,
      ...deployments,
      ignoreRepos: ignore_repos ?? defaultPolicy.deployments.ignoreRepos,
    },
    rework: { ...defaultPolicy.rework, ...rework },
    leadTime: { ...defaultPolicy.leadTime, ...lead_time },
    failures: {
      tiers: failures.tiers ?? defaultPolicy.failures.tiers,
      rollbackSeconds: limitOf(failures.rollback, defaultPolicy.failures.rollbackSeconds),
      fix: {
        linkedSeconds: limitOf(failures.fix.linked, defaultPolicy.failures.fix.linkedSeconds),
        ruleSeconds: limitOf(failures.fix.rule, defaultPolicy.failures.fix.ruleSeconds),
      },
      incidentSeconds: limitOf(failures.incident, defaultPolicy.failures.incidentSeconds),
    },
    incidents: {
      staleSeconds: parseDurationSeconds(incidents.stale ?? '') ?? defaultPolicy.incidents.staleSeconds,
      rules: incidents.rules?.map(toIncidentRule) ?? defaultPolicy.incidents.rules,
    },
    windows:
      windows?.map((name) => ({ name, seconds: parseDurationSeconds(name) ?? 0 })) ?? defaultPolicy.windows,
  };
  return { ok: true, policy };
}

/** The limit of a cause in seconds: `null` switches the cause off; an omitted key has the default. */
function limitOf(text: string | null | undefined, usual: number | null): number | null {
  if (text === undefined) return usual;
  return text === null ? null : parseDurationSeconds(text);
}

function toIncidentRule({ labels, ...place }: z.infer<typeof incidentRule>): IncidentRule {
  const globs = Object.entries(labels).map(([name, value]) => [name, value.split('|')]);
  return { ...place, labels: Object.fromEntries(globs) };
}

/** A text without a problem. Here and below, zod gets the noun that follows "expected" in messages. */
function text(problemOf: (value: string) => string | null = () => null, noun = 'text') {
  return z.string(noun).superRefine((value, context) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(value)) {
      context.addIssue(`got ${show(value)} with a control character: write it in single quotes`);
    }
    const problem = value.trim() === '' ? 'expected text, got an empty one' : problemOf(value);
    if (problem !== null) context.addIssue(problem);
  });
}

function oneOf(words: readonly string[]) {
  return text((value) => {
    if (words.includes(value)) return null;
    if (value.startsWith('!') && words.includes(value.slice(1))) return null;
    if (value.startsWith('pull_request')) return `expected no ${value}: pull requests never count`;
    return `expected one of ${words.join(', ')}, got ${show(value)}${didYouMean(value, words)}`;
  });
}

const durationNoun = 'a duration with its unit such as 7d, from 1s to 36500d';
const duration = text(
  (value) => (parseDurationSeconds(value) ? null : `expected ${durationNoun}, got ${show(value)}`),
  durationNoun,
);
const listOf = <T extends z.ZodType>(element: T) => z.array(element, 'a list');
const someOf = <T extends z.ZodType>(element: T) => listOf(element).min(1, 'expected at least one, got none');
const keys = <T extends z.core.$ZodLooseShape>(shape: T) => z.strictObject(shape, 'keys with values');
/** Checks a whole list or map even if an element is wrong, so that all mistakes are reported at once. */
const onLists = { when: ({ value }: { value: unknown }) => Array.isArray(value) };
const onMaps = {
  when: ({ value }: { value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** A leading `!` excludes; alone it would exclude no name. */
const glob = text((value) => (value === '!' ? 'expected a glob after !, got none' : null));
const tierRule = keys({
  tier: text(),
  deploy_to: someOf(glob).exactOptional(),
  repos: someOf(glob).exactOptional(),
  events: someOf(oneOf(deploymentEvents)).exactOptional(),
  branches: someOf(glob).exactOptional(),
  tags: someOf(glob).exactOptional(),
  workflows: someOf(glob).exactOptional(),
  steps: someOf(glob).exactOptional(),
});
const tiers = listOf(tierRule).superRefine((rules, context) => {
  const isMisread = (index: number) =>
    context.issues.some(({ code, path }) => code === 'unrecognized_keys' && path?.[0] === index);
  const next = rules.findIndex((rule, index) => matchesAll(rule) && !isMisread(index)) + 1;
  if (next === 0 || next === rules.length) return;
  context.addIssue({ code: 'custom', path: [next], message: 'never matches: the rule before it takes all' });
}, onLists);

function matchesAll(rule: unknown): boolean {
  const entries = Object.entries(rule ?? {});
  const isOpen = (key: string, globs: unknown) =>
    key === 'tier' || (key === 'repos' && Array.isArray(globs) && globs.includes('*'));
  return entries.length > 0 && entries.every(([key, globs]) => isOpen(key, globs));
}

const failure = listOf(oneOf(failureStatuses)).superRefine((statuses, context) => {
  if (!statuses.includes('failure')) context.addIssue('expected failure among them, got a list without it');
}, onLists);
const deployments = keys({
  events: someOf(oneOf(deploymentEvents)).exactOptional(),
  branches: z.union([z.literal('default'), listOf(glob)]).exactOptional(),
  repos: someOf(glob).exactOptional(),
  ignore_repos: listOf(glob).exactOptional(),
  failure: failure.exactOptional(),
});
const patterns = listOf(text(patternProblem)).superRefine((sources, context) => {
  if (context.issues.length > 0) return;
  const problem = patternListProblem(sources);
  if (problem !== null) context.addIssue(problem);
});
const rework = keys({ branches: listOf(text()).exactOptional(), message: patterns.exactOptional() });
const fallbackNoun = 'created, or null for none';
const fallback = text(
  (value) => (value === 'created' ? null : `expected ${fallbackNoun}, got ${show(value)}`),
  fallbackNoun,
).transform(() => 'created' as const);
const leadTime = keys({ fallback: fallback.nullable().exactOptional() });
const limit = duration.nullable().exactOptional();
const fix = keys({ linked: limit, rule: limit });
const failures = keys({
  tiers: someOf(text()).exactOptional(),
  rollback: limit,
  fix: z.preprocess((given) => (given === null ? { linked: null, rule: null } : given), fix.prefault({})),
  incident: limit,
});
const labelGlobs = text((value) =>
  value.split('|').includes('') ? `expected globs separated by |, got ${show(value)}` : null,
);
const labels = z.record(z.string(), labelGlobs, 'labels with globs').superRefine((given, context) => {
  const names = Object.keys(given);
  if (names.length === 0) context.addIssue('expected at least one, got none');
  for (const name of names) {
    const message = labelNameProblem(name);
    if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
  }
}, onMaps);
const incidentRule = keys({ labels, repo: text(ruleRepoProblem), tier: text() });
const incidents = keys({
  stale: duration.exactOptional(),
  rules: listOf(incidentRule).exactOptional(),
});
const windows = someOf(duration).superRefine((names, context) => {
  const seconds = names.map((name) => parseDurationSeconds(String(name)));
  for (const [index, length] of seconds.entries()) {
    if (length === null || seconds.indexOf(length) === index) continue;
    const message = `expected each window once, got ${show(names[index])} again`;
    context.addIssue({ code: 'custom', path: [index], message });
  }
}, onLists);
const schema = keys({
  tiers: tiers.exactOptional(),
  default_tier: text().nullable().exactOptional(),
  deployments: deployments.prefault({}),
  rework: rework.prefault({}),
  lead_time: leadTime.prefault({}),
  failures: failures.prefault({}),
  incidents: incidents.prefault({}),
  windows: windows.exactOptional(),
});
const keysUnder = new Map([
  ['', Object.keys(schema.shape)],
  ['tiers', Object.keys(tierRule.shape)],
  ['deployments', Object.keys(deployments.shape)],
  ['rework', Object.keys(rework.shape)],
  ['lead_time', Object.keys(leadTime.shape)],
  ['failures', Object.keys(failures.shape)],
  ['failures.fix', Object.keys(fix.shape)],
  ['incidents', Object.keys(incidents.shape)],
  ['incidents.rules', Object.keys(incidentRule.shape)],
]);

/** The mistakes of a schema's issue, each with its line. */
function describe(issue: z.core.$ZodIssue, find: ReadYaml['find'], above: Path = []): Problem[] {
  const path = [...above, ...issue.path];
  const found = find(path);
  const words = path.filter((part) => typeof part === 'string').join('.');
  const problem = (message: string, at = found.line) => ({
    line: at,
    text: words ? `${words}: ${message}` : message,
  });
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const hint = didYouMean(key, keysUnder.get(words) ?? []);
        return problem(`unknown key ${show(key)}${hint}`, find([...path, key]).line);
      });
    case 'invalid_union':
      if (found.isList) return (issue.errors[1] ?? []).flatMap((inner) => describe(inner, find, path));
      return [problem(`expected default or a list, ${found.insteadOf('a list')}`)];
    case 'invalid_type':
      return [problem(`expected ${issue.message}, ${found.insteadOf(issue.message)}`)];
    default:
      return [problem(issue.message)];
  }
}

function didYouMean(word: string, words: readonly string[]): string {
  const meant = closest(word, words);
  return meant === null ? '' : `, did you mean ${meant}?`;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
