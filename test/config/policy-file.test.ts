/**
 * The policy file: its keys, its defaults, and the reports of mistakes with their lines.
 *
 * Does not test the effect of a policy on pipelines.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/config/policy-file.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';

const slowPolicy = new URL('../fixtures/cases/slow-regex-policy.yaml', import.meta.url);

function policyOf(yaml: string): Policy {
  const parsed = parsePolicy(yaml);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.policy;
}

function problemsOf(...lines: readonly string[]): readonly string[] {
  const parsed = parsePolicy(lines.join('\n'));
  return parsed.ok ? [] : parsed.problems;
}

const whole = `
tiers:                              # first match wins; all conditions of a rule must hold
  - tier: production
    deploy_to: [production, prod]   # exact or glob, any of
  - tier: platform
    repos: [acme/infra-*, acme/forgejo]
    events: [push, tag]
    branches: ["release/*"]
  - tier: live
    workflows: [deploy]
    steps: [deploy, publish-*]
    tags: ["v*", "!*-*"]
  - tier: rest
default_tier: null
deployments:
  events: [push, cron]
  branches: [main, "*-stable"]
  repos: ["acme/*", "!acme/old-*"]
  ignore_repos: [acme/sandbox]
  failure: [failure, error, killed]
rework:
  branches: [hotfix/*]
  message: ["^revert", '\\bhotfix\\b']
lead_time: {fallback: created}
failures:
  tiers: [production, "!staging"]
  rollback: 2d
  fix: {linked: null, rule: 12h}
  incident: null
incidents:
  stale: 2d
  rules:
    - labels: {namespace: shop, severity: critical|page*}
      repo: acme/shop
      tier: production
    - labels: {severity: critical}
      repo: "acme/{{service}}"
      tier: production
windows: [12h, 7d]
`;

describe('parsePolicy', () => {
  it('reads every key of a policy', () => {
    expect(policyOf(whole)).toEqual({
      tiers: [
        { tier: 'production', deployTo: ['production', 'prod'] },
        {
          tier: 'platform',
          repos: ['acme/infra-*', 'acme/forgejo'],
          events: ['push', 'tag'],
          branches: ['release/*'],
        },
        { tier: 'live', workflows: ['deploy'], steps: ['deploy', 'publish-*'], tags: ['v*', '!*-*'] },
        { tier: 'rest' },
      ],
      defaultTier: null,
      deployments: {
        events: ['push', 'cron'],
        branches: ['main', '*-stable'],
        repos: ['acme/*', '!acme/old-*'],
        ignoreRepos: ['acme/sandbox'],
        failure: ['failure', 'error', 'killed'],
      },
      rework: { branches: ['hotfix/*'], message: ['^revert', '\\bhotfix\\b'] },
      leadTime: { fallback: 'created' },
      failures: {
        tiers: ['production', '!staging'],
        rollbackSeconds: 2 * 86_400,
        fix: { linkedSeconds: null, ruleSeconds: 43_200 },
        incidentSeconds: null,
      },
      incidents: {
        staleSeconds: 2 * 86_400,
        rules: [
          {
            labels: { namespace: ['shop'], severity: ['critical', 'page*'] },
            repo: 'acme/shop',
            tier: 'production',
          },
          { labels: { severity: ['critical'] }, repo: 'acme/{{service}}', tier: 'production' },
        ],
      },
      windows: [
        { name: '12h', seconds: 43_200 },
        { name: '7d', seconds: 604_800 },
      ],
    });
  });

  it.each(['', '# nothing yet\n', '---\n', '{}', '\ufeff'])('takes %j as the default policy', (yaml) => {
    expect(policyOf(yaml)).toEqual(defaultPolicy);
  });

  it('uses the default for every missing key', () => {
    expect(policyOf('deployments: {branches: [main]}\nrework: {branches: [hotfix/*]}')).toEqual({
      ...defaultPolicy,
      deployments: { ...defaultPolicy.deployments, branches: ['main'] },
      rework: { branches: ['hotfix/*'], message: ['^revert', '^hotfix'] },
    });
  });

  it.each(['windows: [7d, 30d, 90d]', 'rework: {}'])(
    'looks for hotfixes and reverts if the file contains only %j',
    (yaml) => {
      expect(policyOf(yaml).rework).toEqual({ branches: ['hotfix/*'], message: ['^revert', '^hotfix'] });
    },
  );

  it('accepts empty lists if they mean something', () => {
    const yaml = 'tiers: []\ndeployments: {ignore_repos: []}\nrework: {branches: [], message: []}';
    expect(policyOf(yaml)).toEqual({ ...defaultPolicy, rework: { branches: [], message: [] } });
    expect(policyOf('deployments: {branches: []}').deployments.branches).toEqual([]);
  });

  it('follows anchors', () => {
    const { rework } = policyOf('deployments: {branches: &globs [hotfix/*]}\nrework: {branches: *globs}');
    expect(rework.branches).toEqual(['hotfix/*']);
  });

  it('reports all mistakes together, in order of their lines', () => {
    const yaml = `tiers:
  - tier: production
    event: [push]
  - deploy_to: [prod]
    repos: []
  - tier: staging
    steps: []
    tags: ["!"]
default_tier: ""
deployment:
  events: [push]
rework:
  message: ["^revert", "("]
windows: [7d, 0d]
windows: [1w]
`;
    expect(problemsOf(yaml)).toEqual([
      'line 3: tiers: unknown key "event", did you mean events?',
      'line 4: tiers.tier: expected text, got nothing',
      'line 5: tiers.repos: expected at least one, got none',
      'line 7: tiers.steps: expected at least one, got none',
      'line 8: tiers.tags: expected a glob after !, got none',
      'line 9: default_tier: expected text, got an empty one',
      'line 10: unknown key "deployment", did you mean deployments?',
      'line 13: rework.message: expected RE2 syntax, which has no look-around and no back-references: missing closing ): `(`',
      'line 15: key windows is given twice',
      'line 15: windows: expected a duration with its unit such as 7d, from 1s to 36500d, got "1w"',
    ]);
  });

  it.each(['__proto__', 'constructor', 'tier_s_', '1'])('refuses the key %s', (key) => {
    expect(problemsOf('tiers: []', `${key}: 1`)[0]).toMatch(`line 2: unknown key "${key}"`);
  });

  it('finds the line of a mistake behind an anchor', () => {
    expect(problemsOf('rework:', '  branches: &globs', '    - 1', '  message: *globs')).toEqual([
      'line 3: rework.branches: expected text, got 1, quote it: "1"',
      'line 3: rework.message: expected text, got 1, quote it: "1"',
    ]);
  });
});

describe('parsePolicy on patterns', () => {
  const needsRe2 = 'expected RE2 syntax, which has no look-around and no back-references';

  it('reports each pattern that the engine does not support, with its line', () => {
    expect(
      problemsOf('rework:', '  message:', "    - '^(?!un)revert'", "    - '^fix'", "    - '(a)\\1'"),
    ).toEqual([
      `line 3: rework.message: ${needsRe2}: invalid or unsupported Perl syntax: \`(?!\``,
      `line 5: rework.message: ${needsRe2}: invalid escape sequence: \`\\1\``,
    ]);
  });

  it('reports patterns that are too large in total', () => {
    expect(problemsOf('rework:', '  message: ["a{1,200}", "b{1,200}"]')).toEqual([
      'line 2: rework.message: expected patterns of at most 500 instructions together, got 802: use fewer or smaller repetitions',
    ]);
  });

  it('accepts a pattern that an engine with backtracking could not run', () => {
    expect(policyOf(readFileSync(slowPolicy, 'utf8')).rework.message).toEqual(['^(\\w+\\s?)*revert']);
  });
});

describe('parsePolicy on kinds of values', () => {
  it('recommends quotes for words that YAML does not read as text', () => {
    expect(problemsOf('deployments:', '  branches: [1.10, true, ~, true, 0x1F]', 'default_tier: 5')).toEqual([
      'line 2: deployments.branches: expected text, got 1.10, quote it: "1.10"',
      'line 2: deployments.branches: expected text, got true, quote it: "true"',
      'line 2: deployments.branches: expected text, got ~, quote it: "~"',
      'line 2: deployments.branches: expected text, got 0x1F, quote it: "0x1F"',
      'line 3: default_tier: expected text, got 5, quote it: "5"',
    ]);
    expect(problemsOf('rework: {message: [^fix: x]}')).toEqual([
      'line 1: rework.message: expected text, got keys with values, quote a text that contains ": "',
    ]);
  });

  it('recommends quotes for globs that begin like an alias or a tag', () => {
    expect(
      problemsOf('deployments:', '  repos: [*]', '  branches:', '    - *-stable', '    - !main'),
    ).toEqual([
      'line 2: expected text, got an alias, quote it: "*"',
      'line 4: expected text, got an alias, quote it: "*-stable"',
      'line 5: Unresolved tag: !main, quote it',
    ]);
  });

  it('requires lists, except the word default for branches', () => {
    const tierAndBranch = ['tiers: production', 'deployments:', '  branches: main', '  events: push'];
    expect(problemsOf(...tierAndBranch, 'rework: [x]', 'windows:')).toEqual([
      'line 1: tiers: expected a list, got "production", write [production]',
      'line 3: deployments.branches: expected default or a list, got "main", write [main]',
      'line 4: deployments.events: expected a list, got "push", write [push]',
      'line 5: rework: expected keys with values, got a list',
      'line 6: windows: expected a list, got nothing',
    ]);
  });

  it('refuses the control characters that YAML reads from a backslash in double quotes', () => {
    expect(problemsOf('rework:', '  message: ["\\bfix"]')).toEqual([
      'line 2: rework.message: got "\\bfix" with a control character: write it in single quotes',
    ]);
    expect(problemsOf('rework:', '  message: ["v1\\.0"]')).toEqual([
      'line 2: Invalid escape sequence \\., write it in single quotes',
    ]);
  });

  it.each(['- tiers', 'tiers'])('refuses %j as the whole file', (yaml) => {
    expect(problemsOf(yaml)[0]).toMatch(/^line 1: expected keys with values, got /);
  });
});

describe('parsePolicy on rules', () => {
  const words = 'expected one of push, tag, release, deployment, manual, cron';

  it('knows the events that can count, and reports that pull requests never do', () => {
    const rule = ['tiers:', '  - tier: a', '    events: [pull_request_closed]'];
    expect(problemsOf(...rule, 'deployments:', '  events: [pull_request, psh]')).toEqual([
      'line 3: tiers.events: expected no pull_request_closed: pull requests never count',
      'line 5: deployments.events: expected no pull_request: pull requests never count',
      `line 5: deployments.events: ${words}, got "psh", did you mean push?`,
    ]);
  });

  it('requires failure among the statuses of failures', () => {
    expect(problemsOf('deployments: {failure: [error, canceled]}')).toEqual([
      'line 1: deployments.failure: expected one of failure, error, killed, got "canceled"',
      'line 1: deployments.failure: expected failure among them, got a list without it',
    ]);
    expect(problemsOf('deployments: {failure: []}')).toHaveLength(1);
  });

  it.each(['{tier: a}', '{tier: a, repos: ["acme/*", "*"]}'])('refuses a rule after %s', (rule) => {
    expect(problemsOf('tiers:', `  - ${rule}`, '  - {tier: b, events: [push]}', '  - {tier: c}')).toEqual([
      'line 3: tiers: never matches: the rule before it takes all',
    ]);
  });

  it.each(['{deploy_to: ["*"]', '{repos: ["acme/*"]', '{branches: ["*"]', '{repos: ["*"], events: [push]'])(
    'accepts a rule after %s}',
    (rule) => {
      expect(problemsOf('tiers:', `  - ${rule}, tier: a}`, '  - {tier: b}')).toEqual([]);
    },
  );

  it('requires windows with a unit, above zero, each once', () => {
    expect(problemsOf('windows:', '  - 7', '  - 0d', '  - 7d', '  - 168h', '  - week')).toEqual([
      'line 2: windows: expected a duration with its unit such as 7d, from 1s to 36500d, got 7',
      'line 3: windows: expected a duration with its unit such as 7d, from 1s to 36500d, got "0d"',
      'line 5: windows: expected each window once, got "168h" again',
      'line 6: windows: expected a duration with its unit such as 7d, from 1s to 36500d, got "week"',
    ]);
    expect(problemsOf('windows: []')).toEqual(['line 1: windows: expected at least one, got none']);
  });
});

describe('parsePolicy on broken YAML', () => {
  it('reports the place of the error, and only the mistakes before it', () => {
    expect(problemsOf('window: [7d]', 'tiers: [', 'windows: [5]')).toEqual([
      'line 1: unknown key "window", did you mean windows?',
      'line 3: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
  });

  it('refuses a second document', () => {
    expect(problemsOf('windows: [7d]', '---', 'windows: [30d]')).toEqual([
      'line 2: expected one YAML document, got several',
    ]);
  });

  it('refuses aliases that multiply without limit', () => {
    const nine = (text: string) => `[${Array(9).fill(text)}]`;
    const lines = [`a: &a ${nine('x')}`, `b: &b ${nine('*a')}`, `c: &c ${nine('*b')}`, `d: ${nine('*c')}`];
    expect(problemsOf(...lines)).toEqual([
      'line 1: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });
});

describe('rules for alerts', () => {
  it('turn off the search for fixes if fix is null', () => {
    expect(policyOf('failures: {fix: null}').failures).toEqual({
      ...defaultPolicy.failures,
      fix: { linkedSeconds: null, ruleSeconds: null },
    });
  });

  it('use the defaults for missing keys of failures', () => {
    expect(policyOf('failures: {fix: {linked: 1d}}').failures).toEqual({
      ...defaultPolicy.failures,
      fix: { linkedSeconds: 86_400, ruleSeconds: 86_400 },
    });
  });
  it('use the defaults for missing keys of incidents', () => {
    const { incidents } = policyOf(
      'incidents: {rules: [{labels: {team: web}, repo: a/b, tier: production}]}',
    );
    expect(incidents).toEqual({
      staleSeconds: 86_400,
      rules: [{ labels: { team: ['web'] }, repo: 'a/b', tier: 'production' }],
    });
    expect(policyOf('').incidents).toEqual({ staleSeconds: 86_400, rules: [] });
  });

  it('report all their mistakes, each with its line', () => {
    expect(
      problemsOf(
        'incidents:',
        '  stale: 3',
        '  stail: 1d',
        '  rules:',
        '    - labels: {}',
        '      repo: acme/shop',
        '      tier: production',
        '    - labels: {name space: shop, severity: critical||page}',
        '      repo: "acme/{{service}"',
        '      tier: ""',
        '    - label: {team: web}',
        '      repo: shop',
        '      tier: production',
        '    - labels: [team]',
        '      repo: "acme/{{my-service}}"',
        '      tier: production',
      ),
    ).toEqual([
      'line 2: incidents.stale: expected a duration with its unit such as 7d, from 1s to 36500d, got 3',
      'line 3: incidents: unknown key "stail", did you mean stale?',
      'line 5: incidents.rules.labels: expected at least one, got none',
      'line 8: incidents.rules.labels.severity: expected globs separated by |, got "critical||page"',
      'line 8: incidents.rules.labels.name space: expected the name of a label, of letters, digits and underscores',
      'line 9: incidents.rules.repo: expected {{label}} with the name of a label between the braces',
      'line 10: incidents.rules.tier: expected text, got an empty one',
      'line 11: incidents.rules.labels: expected labels with globs, got nothing',
      'line 11: incidents.rules: unknown key "label", did you mean labels?',
      'line 12: incidents.rules.repo: expected owner/name, or {{label}} for a part of it',
      'line 14: incidents.rules.labels: expected labels with globs, got a list',
      'line 15: incidents.rules.repo: expected {{label}} with the name of a label between the braces',
    ]);
  });
});
