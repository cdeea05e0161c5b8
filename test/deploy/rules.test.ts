import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runDeployments, startDemoExporter } from '../support/demo-exporter.ts';
import { startPrometheus } from '../support/prometheus-process.ts';
import { metricNames, readPromql } from '../support/promql.ts';
import { requireProgram } from '../support/requirement.ts';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface TestFile {
  readonly tests: readonly {
    readonly promql_expr_test?: readonly { readonly expr: string }[];
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

/** As `GET /api/v1/rules` tells it. */
interface EvaluatedRules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly name: string;
      readonly type: 'alerting' | 'recording';
      readonly health: string;
      readonly state?: string;
    }[];
  }[];
}

const rulesPath = new URL('../../deploy/prometheus/rules.yaml', import.meta.url).pathname;
const testsFolder = new URL('rules/', import.meta.url).pathname;
const testFiles = readdirSync(testsFolder).map((name) => join(testsFolder, name));
const rulesText = readFileSync(rulesPath, 'utf8');
const rules = (parse(rulesText) as RuleFile).groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const recorded = rules.flatMap((rule) => rule.record ?? []);
const tests = testFiles.flatMap((path) => (parse(readFileSync(path, 'utf8')) as TestFile).tests);

describe('the rules for Prometheus', () => {
  it('are such that promtool finds nothing', ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const output = execFileSync(promtool, ['check', 'rules', '--lint=all', rulesPath], { encoding: 'utf8' });
    expect(output).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it.for(testFiles.map((path) => [path.slice(testsFolder.length), path] as const))(
    'do what %s says',
    ([, path], { skip }) => {
      const promtool = requireProgram('promtool', skip);
      const output = execFileSync(promtool, ['test', 'rules', path], { encoding: 'utf8', timeout: 300_000 });
      expect(output).toContain('SUCCESS');
    },
  );

  it('are all tested: each figure, each alert as it fires and as it does not', () => {
    const queried = tests.flatMap((test) => test.promql_expr_test ?? []).map(({ expr }) => expr);
    const days = recorded.filter((name) => name.endsWith(':increase1d') && name.includes('_le:'));
    // The buckets of a day are what the quantiles, which are tested, are made of.
    expect(
      recorded.filter((name) => !days.includes(name) && !queried.some((expr) => expr.includes(name))),
    ).toEqual([]);
    const cases = tests.flatMap((test) => test.alert_rule_test ?? []);
    for (const { alert = '' } of alerts) {
      const sizes = cases.filter((one) => one.alertname === alert).map((one) => one.exp_alerts.length);
      expect.soft([sizes.includes(0), sizes.some((size) => size > 0)], alert).toEqual([true, true]);
    }
  });

  it('have names of the form level:metric:operation, and levels that are their labels', () => {
    for (const name of recorded) {
      expect
        .soft(name)
        .toMatch(/^job(_repo)?_tier(_cause|_le)?:dora_[a-z_]+:(increase|avg|ratio|p\d\d_)[a-z0-9_]+$/);
    }
  });

  it('tell with each alert how bad it is and what is wrong, and the README what to do', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const troubleshooting = readme.split(/^## /m).find((part) => part.startsWith('Troubleshooting\n')) ?? '';
    expect(alerts.length).toBeGreaterThan(0);
    for (const { alert, labels, annotations = {} } of alerts) {
      expect.soft(labels?.['dora_own'], alert).toBe('true');
      expect.soft(labels?.['severity'], alert).toMatch(/^(warning|critical)$/);
      expect.soft(Object.keys(annotations), alert).toEqual(['summary', 'description']);
      expect.soft(annotations['description'], alert).toMatch(/\.$/);
      expect.soft(troubleshooting).toContain(`\`${alert}\``);
    }
  });

  it('use no metric that is not served or recorded', async () => {
    const served = metricNames(await (await startDemoExporter()).scrape());
    const known = new Set([...served, ...recorded, 'up']);
    for (const { record, alert, expr } of rules) {
      const { errors, metrics } = readPromql(expr);
      expect.soft(errors, record ?? alert).toEqual([]);
      expect.soft(metrics.length, record ?? alert).toBeGreaterThan(0);
      expect
        .soft(
          metrics.filter((name) => !known.has(name)),
          record ?? alert,
        )
        .toEqual([]);
    }
  });

  it('are evaluated on real data without a fault, and alert on nothing but what is failing or has an incident', async ({
    skip,
  }) => {
    const program = requireProgram('prometheus', skip);
    const demo = await startDemoExporter();
    const eachSecond = rulesText.replaceAll(/interval: \w+/g, 'interval: 1s');
    const prometheus = await startPrometheus({
      program,
      target: new URL(demo.exporter.url).host,
      rules: eachSecond,
    });
    const increase = 'job_tier:dora_deployments:increase1d{tier="production"}';
    const figure = async (expression: string) => {
      try {
        return Number((await prometheus.query(expression))[0]?.value[1]);
      } catch {
        return 'not up yet';
      }
    };
    await expect.poll(() => figure(increase), { interval: 300 }).toBe(0);
    runDeployments(demo);
    await expect.poll(() => figure(increase), { interval: 300 }).toBeGreaterThan(5.5);

    const told = (await prometheus.get<EvaluatedRules>('rules')).groups.flatMap((group) => group.rules);
    expect(told.length).toBe(rules.length);
    expect(told.filter((rule) => rule.health !== 'ok')).toEqual([]);
    expect(
      told
        .filter((rule) => rule.type === 'alerting' && rule.state !== 'inactive')
        .map((rule) => rule.name)
        .filter((name) => name !== 'DoraDeploymentFailing' && name !== 'DoraIncidentOpen'),
    ).toEqual([]);
  });
});
