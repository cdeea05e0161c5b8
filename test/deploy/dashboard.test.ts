import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';
import { describe, expect, it } from 'vitest';
import { runDeployments, startDemoExporter } from '../support/demo-exporter.ts';
import { temporaryFolder } from '../support/exporter-process.ts';
import { startPrometheus } from '../support/prometheus-process.ts';
import { metricNames, readPromql } from '../support/promql.ts';
import { requireProgram } from '../support/requirement.ts';

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
}

const path = new URL('../../deploy/grafana/dora.json', import.meta.url).pathname;
const text = readFileSync(path, 'utf8');
const dashboard: Dashboard = JSON.parse(text);
const all: readonly (Panel | RowPanel)[] = dashboard.panels ?? [];
const isPanel = (panel: Panel | RowPanel): panel is Panel => panel.type !== 'row';
const panels = all.filter(isPanel);
const variables: readonly VariableModel[] = dashboard.templating?.list ?? [];

const titleOf = (panel: Panel) => `${panel.id} ${panel.title}`;
const targetsOf = (panel: Panel) => (panel.targets ?? []) as unknown as readonly Target[];
const queries = panels.flatMap((panel) =>
  targetsOf(panel).map(({ refId, expr }) => ({ name: `${panel.title}, ${refId}`, expr })),
);

/** As Grafana fills it in for someone who has chosen nothing yet, a month in view, and a scrape each second. */
const choices: Readonly<Record<string, string>> = {
  job: 'dora',
  tier: '.+',
  repo: '.+',
  window: '30d',
  days: '30',
  __interval: '1d',
  __rate_interval: '4s',
};
const filledIn = (expression: string) =>
  expression.replaceAll(/\$(\w+)/g, (found, name: string) => choices[name] ?? found);

/** Queries that find nothing in the demo, and why. */
const reasons: Readonly<Record<string, string>> = {
  'Waiting, C': 'no forge is asked in the demo',
  'Requests to the forge, A': 'no forge is asked in the demo',
};
const unusedUrl = 'http://127.0.0.1:1';

const queryOf = ({ query }: VariableModel) =>
  typeof query === 'object' ? String(query['query']) : (query ?? '');

describe('the dashboard for Grafana', () => {
  it('can be provisioned as it is: a fixed uid, no inputs, and no id of a database', () => {
    expect(dashboard).toMatchObject({ uid: 'woodpecker-dora', schemaVersion: 39 });
    expect(dashboard).not.toHaveProperty('__inputs');
    expect(dashboard).not.toHaveProperty('id');
  });

  it('asks the chosen Prometheus, and nothing else, everywhere', () => {
    const sources: unknown[] = [];
    JSON.parse(text, (key, value: unknown) => {
      if (key === 'datasource') sources.push(value);
      return value;
    });
    expect(sources.length).toBeGreaterThan(queries.length);
    for (const source of sources) {
      expect(source).toEqual({ type: 'prometheus', uid: `\${datasource}` });
    }
    for (const panel of panels) {
      for (const given of [panel, ...targetsOf(panel)]) expect(given).toHaveProperty('datasource');
    }
  });

  it('lets choose Prometheus, exporter, window, tier and repo, and takes addresses from what is scraped', () => {
    expect(variables.map(({ name, type, hide }) => [name, type, hide])).toEqual([
      ['datasource', 'datasource', 0],
      ['job', 'query', 0],
      ['window', 'query', 0],
      ['days', 'query', 2],
      ['tier', 'query', 0],
      ['repo', 'query', 0],
      ['woodpecker_url', 'query', 2],
      ['exporter', 'query', 2],
    ]);
  });

  it('uses no variable that there is not', () => {
    const known = [
      ...variables.map(({ name }) => name),
      '__all',
      '__data',
      '__interval',
      '__rate_interval',
      '__value',
    ];
    const used = [...text.matchAll(/\$\{?([a-z_]+)/g)].map((match) => match[1] ?? '');
    expect(used.filter((name) => !known.includes(name))).toEqual([]);
    expect(variables.filter(({ name }) => !used.includes(name)).map(({ name }) => name)).toEqual([]);
  });

  it('describes every panel, and gives every figure a unit and words for when there is none', () => {
    expect(panels.length).toBeGreaterThan(30);
    for (const panel of panels) {
      const { unit, noValue } = panel.fieldConfig?.defaults ?? {};
      expect.soft(panel.title, titleOf(panel)).toMatch(/\w/);
      expect.soft(panel.description, titleOf(panel)).toMatch(/\.$/);
      expect.soft(unit, titleOf(panel)).toMatch(/^\w+$/);
      expect.soft(noValue, titleOf(panel)).toMatch(/./);
      expect.soft(targetsOf(panel).length, titleOf(panel)).toBeGreaterThan(0);
    }
  });

  it('gives every column of a table that has a figure its own unit', () => {
    for (const panel of panels.filter(({ type }) => type === 'table')) {
      const organized = panel.transformations?.find(({ id }) => id === 'organize')?.options as {
        readonly renameByName: Readonly<Record<string, string>>;
      };
      const columns = targetsOf(panel).map(({ refId }) => organized.renameByName[`Value #${refId}`]);
      const withUnit = (panel.fieldConfig?.overrides ?? [])
        .filter(({ properties }) => properties.some(({ id }) => id === 'unit'))
        .map(({ matcher }) => matcher.options);
      expect.soft(withUnit, titleOf(panel)).toEqual(columns);
    }
  });

  it('tells by words what it tells by colour', () => {
    for (const panel of panels) {
      const { mappings = [], thresholds } = panel.fieldConfig?.defaults ?? {};
      for (const mapping of mappings) {
        for (const result of Object.values(mapping.options)) expect(result).toHaveProperty('text');
      }
      const isColoured = (thresholds?.steps.length ?? 0) > 1;
      // Either the title says what a number above 0 means, or the description what each colour stands for.
      if (isColoured) {
        const isSaid = (thresholds?.steps ?? []).every(({ color }) =>
          new RegExp(`\\b${color}: `, 'i').test(panel.description ?? ''),
        );
        if (!isSaid) expect(panel.title).toMatch(/^(Pairs that are failing|Turned away)$/);
      }
    }
  });

  it('has titles and ids that are unique, and panels that neither overlap nor reach over the edge', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
    const taken = new Map<string, number>();
    for (const { id = 0, gridPos } of all) {
      if (!gridPos) throw new Error(`Panel ${id} has no place`);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x} ${y}`), `place of ${id} at ${x}, ${y}`).toBeUndefined();
          taken.set(`${x} ${y}`, id);
        }
      }
    }
  });

  it('shows the five figures for the repos chosen, with their trend and the colours of their classes', () => {
    const five = panels.filter(({ id = 0 }) => id >= 2 && id <= 7);
    expect(five.map(({ title }) => title)).toEqual([
      ...['Deployments per day', 'Change lead time, median', 'Change lead time, 95th percentile'],
      ...['Change fail rate', 'Recovery time, median', 'Rework rate'],
    ]);
    for (const panel of five) {
      expect.soft(targetsOf(panel)[0]?.expr, titleOf(panel)).toContain('repo=~"$repo"');
      expect.soft(panel.options, titleOf(panel)).toMatchObject({ colorMode: 'value', graphMode: 'area' });
      expect.soft(panel.fieldConfig?.defaults.thresholds?.steps.length, titleOf(panel)).toBeGreaterThan(2);
    }
  });

  it('marks failed deployments and incidents in all its graphs', () => {
    const marks = (dashboard.annotations?.list ?? []) as unknown as readonly { name: string; expr: string }[];
    expect(marks.map(({ name }) => name)).toEqual(['Failed deployments', 'Incidents']);
    for (const { name, expr } of marks) expect.soft(readPromql(filledIn(expr)).errors, name).toEqual([]);
  });

  it('shows a day on the day that it is about, by the recording rules if they are there', () => {
    const daily = panels.filter(({ interval }) => interval === '1d');
    expect(daily.map(({ id }) => id)).toEqual([11, 17, 18]);
    for (const panel of daily) {
      for (const { expr } of targetsOf(panel)) {
        expect.soft(expr, titleOf(panel)).toContain('[1d] offset -1d');
        expect.soft(expr, titleOf(panel)).not.toContain('__interval');
      }
    }
    expect(targetsOf(daily[0] as Panel)[1]?.expr).toContain(
      'job_repo_tier:dora_deployment_failures:increase1d',
    );
  });

  it('links repos to Woodpecker and to the reasons of their figures, by addresses that were scraped', () => {
    const links: unknown[] = [];
    JSON.parse(text, (key, value: unknown) => {
      if (key === 'url') links.push(value);
      return value;
    });
    const repo = `\${woodpecker_url}/repos/\${__value.raw}`;
    const why = `http://\${exporter}/explain?repo=\${__data.fields.repo}&tier=\${__data.fields.tier}&window=$window`;
    const root = `http://\${exporter}/?window=$window`;
    expect(links).toEqual([`\${woodpecker_url}`, root, why, repo, why, repo, why, repo]);
  });

  it('has only keys and values that Grafana knows, by the types that it publishes', () => {
    expect(typeErrors(dashboard)).toEqual([]);
  });

  it('is not passed by that check with a key or a value that Grafana does not know', () => {
    const changed = (change: (panel: Panel) => void) => {
      const copy: Dashboard = structuredClone(dashboard);
      const stat = copy.panels?.filter(isPanel).find(({ type }) => type === 'stat');
      if (stat) change(stat);
      return typeErrors(copy);
    };
    expect(changed((panel) => Object.assign(panel, { descriptoin: '' })).join()).toContain('descriptoin');
    expect(changed(({ options }) => Object.assign(options ?? {}, { color: 'x' })).join()).toContain(
      '"color"',
    );
    expect(changed(({ options }) => Object.assign(options ?? {}, { textMode: 'all' })).join()).toContain(
      '"all"',
    );
  });
});

describe('the queries of the dashboard', () => {
  it('are PromQL, once filled in', () => {
    expect(queries.length).toBeGreaterThan(60);
    for (const { name, expr } of queries) {
      const query = filledIn(expr);
      expect.soft(query, name).not.toContain('$');
      expect.soft(readPromql(query).errors, name).toEqual([]);
      expect.soft(query, `${name}: a bucket by its name`).not.toMatch(/\ble *=/);
    }
  });

  it('ask for no metric that is not served', async () => {
    const withForge = { DORA_FORGE_KIND: 'gitea', DORA_FORGE_URL: unusedUrl, DORA_FORGE_TOKEN: 'token' };
    const scrapes = await Promise.all(
      [{}, withForge].map(async (env) => (await startDemoExporter(env)).scrape()),
    );
    const served = metricNames(scrapes.join('\n'));
    const asked = [
      ...queries.flatMap(({ expr }) => readPromql(filledIn(expr)).metrics),
      ...variables.flatMap((one) => /^label_values\((\w+)/.exec(queryOf(one))?.[1] ?? []),
    ];
    const rules = readFileSync(new URL('../../deploy/prometheus/rules.yaml', import.meta.url), 'utf8');
    const recorded = new Set([...rules.matchAll(/record: (\S+)/g)].map(([, name]) => name));
    expect(asked.filter((name) => name !== 'up' && !served.has(name) && !recorded.has(name))).toEqual([]);
  });

  it('each find something in a Prometheus that has scraped the demo', async ({ skip }) => {
    const program = requireProgram('prometheus', skip);
    const demo = await startDemoExporter();
    const prometheus = await startPrometheus({ program, target: new URL(demo.exporter.url).host });
    const isScraped = async () => {
      try {
        return (await prometheus.query('count_over_time(dora_deployments_total[1m]) > 2')).length > 0;
      } catch {
        return 'not up yet';
      }
    };
    await expect.poll(isScraped, { interval: 300 }).toBe(true);
    runDeployments(demo);

    const empty = async () => {
      const answers = await Promise.all(
        queries.map(async ({ name, expr }) => {
          // A day is shown at its beginning.
          const today = expr.includes('offset -1d')
            ? Math.floor(Date.now() / 86_400_000) * 86_400
            : undefined;
          return { name, found: await prometheus.query(filledIn(expr), today) };
        }),
      );
      return answers.filter(({ found }) => found.length === 0).map(({ name }) => name);
    };
    await expect.poll(empty, { interval: 500 }).toEqual(Object.keys(reasons));

    for (const variable of variables.filter(({ type }) => type === 'query')) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(queryOf(variable)) ?? [];
      const values = await prometheus.get<readonly string[]>(`label/${label}/values`, {
        'match[]': filledIn(selector),
      });
      expect.soft(values.length, variable.name).toBeGreaterThan(0);
      expect.soft(values.join(), variable.name).toMatch(new RegExp(choices[variable.name] ?? ''));
    }
  });
});

/**
 * What the compiler says of the dashboard as a literal of Grafana's own types. Options of transformations have
 * no types there, nor have targets and data links, which are held to the keys that are in use.
 */
function typeErrors(given: Dashboard): string[] {
  const composable = (kind: string) =>
    `import('@grafana/schema/dist/esm/raw/composable/${kind.toLowerCase()}/panelcfg/x/${kind}PanelCfg_types.gen')`;
  const kinds: Readonly<Record<string, { readonly options: string; readonly custom: string }>> = {
    stat: { options: `${composable('Stat')}.Options`, custom: 'Record<string, never>' },
    table: { options: `${composable('Table')}.Options`, custom: `${composable('Table')}.FieldConfig` },
    timeseries: {
      options: `${composable('TimeSeries')}.Options`,
      custom: `${composable('TimeSeries')}.FieldConfig`,
    },
  };
  const lines = [
    `import type { Dashboard, FieldConfig } from '@grafana/schema';`,
    // A literal's strings are not members of an enum; their values are what the JSON holds.
    `type Plain<T> = T extends string ? \`\${T}\` : T extends readonly (infer U)[] ? Plain<U>[]`,
    '  : T extends object ? { [K in keyof T]?: Plain<T[K]> } : T;',
    'interface Target { refId: string; datasource: { type: string; uid: string }; editorMode: "code"; expr: string;',
    '  format: "table" | "time_series"; instant: boolean; range: boolean; legendFormat?: string }',
    'interface DataLink { title: string; url: string; targetBlank: boolean }',
    // What Prometheus' own editor adds to an annotation has no types there.
    'interface Prometheus { expr: string; step: string; titleFormat: string; textFormat: string }',
    "type Annotations = { list: (Plain<NonNullable<NonNullable<Dashboard['annotations']>['list']>[number]> & Prometheus)[] };",
    `export const dashboard: Omit<Plain<Dashboard>, 'annotations'> & { annotations: Annotations } = ${JSON.stringify(given)};`,
  ];
  const check = (type: string, value: unknown) =>
    lines.push(`export const c${lines.length}: Plain<${type}> = ${JSON.stringify(value)};`);
  for (const panel of (given.panels ?? []).filter(isPanel)) {
    const kind = kinds[panel.type];
    if (!kind) throw new Error(`No types are known of panels of type ${panel.type}`);
    check(kind.options, panel.options ?? {});
    check(kind.custom, panel.fieldConfig?.defaults.custom ?? {});
    check('Target[]', panel.targets ?? []);
    for (const { properties } of panel.fieldConfig?.overrides ?? []) {
      for (const { id, value } of properties) {
        const [, custom] = /^custom\.(\w+)$/.exec(id) ?? [];
        if (custom) check(kind.custom, { [custom]: value });
        else if (id === 'links') check('DataLink[]', value);
        else check('FieldConfig', { [id]: value });
      }
    }
  }
  const folder = temporaryFolder();
  const root = new URL('../../', import.meta.url).pathname;
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'dashboard.ts'), lines.join('\n'));
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), [...flags, 'dashboard.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return [];
  } catch (error) {
    const { stdout } = error as { readonly stdout?: string };
    if (!stdout) throw error;
    return stdout.trim().split('\n');
  }
}
