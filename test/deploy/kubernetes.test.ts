import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { settings } from '../../src/config/environment.ts';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { repository } from '../support/repository.ts';
import { requireProgram } from '../support/requirement.ts';
import { lineageOf, settingsOf } from './dockerfile.ts';
import { type Manifest, problemsOf, renderKustomization } from './manifests.ts';
import { toPrometheusRule } from './prometheus-rule.ts';

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional: boolean };
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold?: number;
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly image: string;
    readonly env: readonly Variable[];
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly startupProbe: Probe;
    readonly livenessProbe: Probe;
    readonly readinessProbe: Probe;
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
}

const fileText = (path: string) => readFileSync(join(repository, 'deploy', path), 'utf8');

const ofKind = <T = Record<string, unknown>>(manifests: readonly Manifest[], kind: string) => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} of kind ${kind}`);
  return found[0] as Manifest & { readonly spec: T };
};

const dataOf = (manifests: readonly Manifest[], prefix: string) => {
  const found = manifests.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith(prefix),
  );
  if (!found) throw new Error(`No ConfigMap ${prefix}`);
  return { name: found.metadata.name, data: found['data'] as Readonly<Record<string, string>> };
};

describe('the Kubernetes base', () => {
  let manifests: readonly Manifest[];
  let pod: PodSpec;

  beforeEach(({ skip }) => {
    manifests = renderKustomization('kubernetes/base', skip);
    pod = ofKind<{ template: { spec: PodSpec } }>(manifests, 'Deployment').spec.template.spec;
  });

  const container = () => {
    const [only, ...others] = pod.containers;
    if (!only || others.length > 0) throw new Error('Not one container');
    return only;
  };

  it('is what the schemas of Kubernetes admit, unknown keys refused', async () => {
    expect(await problemsOf(manifests)).toEqual([]);
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'ConfigMap',
      'ConfigMap',
      'Deployment',
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'Service',
    ]);
  });

  it.each([
    ['a key that no container has', { securityContexts: {} }, 'securityContexts'],
    ['a value of another type', { terminationMessagePath: 5 }, 'terminationMessagePath'],
  ])('would be refused with %s', async (_, wrong, told) => {
    const deployment = structuredClone(ofKind(manifests, 'Deployment')) as unknown as {
      spec: { template: { spec: { containers: object[] } } };
    };
    Object.assign(deployment.spec.template.spec.containers[0] ?? {}, wrong);
    expect((await problemsOf([deployment as unknown as Manifest])).join()).toContain(told);
  });

  it('runs one exporter at a time, which has the time to stop', () => {
    const { spec } = ofKind<{ replicas: number; strategy: object }>(manifests, 'Deployment');
    expect([spec.replicas, spec.strategy]).toEqual([1, { type: 'Recreate' }]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(10);
    const claim = ofKind<{ accessModes: string[] }>(manifests, 'PersistentVolumeClaim');
    expect(claim.spec.accessModes).toEqual(['ReadWriteOnce']);
    expect(pod.volumes).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: claim.metadata.name },
    });
  });

  it('meets the restricted pod security standard, as the user of the image', () => {
    const image = settingsOf(lineageOf('exporter'));
    const [user, group] = image.user.split(':').map(Number);
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: group,
      fsGroup: group,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect([pod.automountServiceAccountToken, pod.enableServiceLinks]).toEqual([false, false]);
    expect(pod.volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name'))).toEqual([
      'persistentVolumeClaim',
      'configMap',
    ]);
    expect(container().volumeMounts.find(({ name }) => name === 'data')?.mountPath).toBe(image.volumes[0]);
    expect(container().image).toBe(`woodpecker-dora-exporter:${packageJson.version}`);
  });

  it('names only settings that there are, and takes secrets by reference', () => {
    const names: readonly string[] = settings.map(({ name }) => name);
    const secrets = settings.filter(({ isSecret }) => isSecret).map(({ name }): string => name);
    for (const { name, value, valueFrom } of container().env) {
      expect(names).toContain(name);
      if (secrets.includes(name)) expect(valueFrom?.secretKeyRef.name).toBe('dora-exporter');
      else expect(value).toBeDefined();
    }
    for (const name of Object.keys(dataOf(manifests, 'dora-exporter-settings').data)) {
      expect(names).toContain(name);
      expect(secrets).not.toContain(name);
    }
    expect(manifests.some(({ kind }) => kind === 'Secret')).toBe(false);
  });

  it('starts an exporter that its probes find, with the policy and the settings of the ConfigMaps', async () => {
    await using woodpecker = await startFakeWoodpecker();
    woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.addPipeline('acme/shop', { event: 'deployment', deployTo: 'prod' });
    const policy = dataOf(manifests, 'dora-exporter-policy');
    const shared = dataOf(manifests, 'dora-exporter-settings');
    expect(pod.volumes).toContainEqual({ name: 'policy', configMap: { name: policy.name } });
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'policy.yaml'), policy.data['policy.yaml'] ?? '');

    const secretValues: Readonly<Record<string, string>> = {
      'woodpecker-token': woodpecker.userToken,
      'webhook-secret': 'a-webhook-secret',
      'admin-token': 'an-admin-token',
    };
    const given = Object.fromEntries(
      container().env.map(({ name, value, valueFrom }) => [
        name,
        value ?? secretValues[valueFrom?.secretKeyRef.key ?? ''] ?? '',
      ]),
    );
    const portOf = (name: string) => container().ports.find((port) => port.name === name)?.containerPort;
    expect(given['DORA_LISTEN']).toBe(`0.0.0.0:${portOf('http')}`);
    expect(given['DORA_METRICS_LISTEN']).toBe(`0.0.0.0:${portOf('metrics')}`);
    expect(given['DORA_POLICY']).toBe('/etc/dora/policy.yaml');
    const exporter = await startExporter({
      ...shared.data,
      ...given,
      DORA_LISTEN: '127.0.0.1:0',
      DORA_METRICS_LISTEN: '127.0.0.1:0',
      DORA_POLICY: join(folder, 'policy.yaml'),
      DORA_DATABASE: join(folder, 'dora.db'),
      DORA_WOODPECKER_URL: woodpecker.url,
    });

    const { startupProbe, livenessProbe, readinessProbe } = container();
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
      expect(httpGet.port).toBe('http');
      await expect.poll(async () => (await fetch(exporter.url + httpGet.path)).status).toBe(200);
    }
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/healthz',
      '/healthz',
      '/readyz',
    ]);
    const metrics = await exporter.metrics();
    expect(metrics.get('dora_deployments_total{repo="acme/shop",tier="production"}')).toBe(1);
    expect(exporter.output()).not.toMatch(/^\S+ (warn|error) /m);
    expect(
      (await exporter.post({ repo: 'acme/shop', number: 1 }, { authorization: 'Bearer a-webhook-secret' }))
        .status,
    ).toBe(202);
    await exporter.stop();
  });

  it('lets webhooks through during a backfill, and figures to Prometheus alone', () => {
    interface ServiceSpec {
      readonly publishNotReadyAddresses: boolean;
      readonly selector: object;
      readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
    }
    const service = ofKind<ServiceSpec>(manifests, 'Service').spec;
    const labels = { 'app.kubernetes.io/name': 'dora-exporter' };
    const template = ofKind<{ selector: object; template: { metadata: object } }>(
      manifests,
      'Deployment',
    ).spec;
    expect(service.publishNotReadyAddresses).toBe(true);
    expect(service.ports.map(({ name, targetPort }) => [name, targetPort])).toEqual([
      ['http', 'http'],
      ['metrics', 'metrics'],
    ]);
    expect([service.selector, template.selector, template.template.metadata]).toEqual([
      labels,
      { matchLabels: labels },
      { labels },
    ]);

    interface PolicySpec {
      readonly podSelector: object;
      readonly policyTypes: readonly string[];
      readonly ingress: readonly {
        readonly ports: readonly { readonly port: number }[];
        readonly from?: object;
      }[];
    }
    const policy = ofKind<PolicySpec>(manifests, 'NetworkPolicy').spec;
    expect(policy.podSelector).toEqual({ matchLabels: labels });
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(
      policy.ingress.map(({ ports, from }) => [ports.map(({ port }) => port), from !== undefined]),
    ).toEqual([
      [[3672], false],
      [[3673], true],
    ]);
  });
});

describe('the kept PrometheusRule', () => {
  it('is what the rules make', async () => {
    const path = join(repository, 'deploy/kubernetes/prometheus-operator/prometheus-rule.yaml');
    await expect(toPrometheusRule(fileText('prometheus/rules.yaml'))).toMatchFileSnapshot(path);
  });
});

describe('the overlay for the Prometheus operator', () => {
  let manifests: readonly Manifest[];

  beforeEach(({ skip }) => {
    manifests = renderKustomization('kubernetes/prometheus-operator', skip);
  });

  it('is what the schemas of Kubernetes and the operator admit, unknown keys refused', async () => {
    expect(await problemsOf(manifests)).toEqual([]);
  });

  it.each([
    ['ServiceMonitor', { endpoint: [] }, 'endpoint'],
    ['PrometheusRule', { group: [] }, 'group'],
  ])('would be refused with an unknown key in its %s', async (kind, wrong, told) => {
    const manifest = structuredClone(ofKind(manifests, kind));
    Object.assign(manifest.spec, wrong);
    expect((await problemsOf([manifest])).join()).toContain(`'"${told}"' does not exist`);
  });

  it('carries the rules as they are', () => {
    // Kustomize's YAML reads a blank line into folded text, which means nothing to Prometheus.
    const folded = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? inner.replace(/\s+/g, ' ') : inner)),
      );
    const rule = ofKind(manifests, 'PrometheusRule');
    expect(folded(rule.spec)).toEqual(folded(parse(fileText('prometheus/rules.yaml'))));
  });

  it('carries the dashboard as it is, where the sidecar looks', () => {
    const { name, data } = dataOf(manifests, 'dora-exporter-dashboard');
    const map = manifests.find(({ metadata }) => metadata.name === name);
    expect(map?.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(data).toEqual({ 'dora.json': fileText('grafana/dora.json') });
  });

  it('is labelled as kube-prometheus-stack selects', () => {
    for (const kind of ['ServiceMonitor', 'PrometheusRule']) {
      expect(ofKind(manifests, kind).metadata.labels).toMatchObject({ release: 'kube-prometheus-stack' });
    }
  });

  it('gives the target of every pod the same labels', ({ skip }) => {
    const promtool = requireProgram('promtool', skip);
    interface MonitorSpec {
      readonly selector: { readonly matchLabels: object };
      readonly endpoints: readonly {
        readonly port: string;
        readonly path: string;
        readonly relabelings: readonly Readonly<Record<string, unknown>>[];
      }[];
    }
    const monitor = ofKind<MonitorSpec>(manifests, 'ServiceMonitor').spec;
    const service = ofKind<{ ports: readonly { name: string }[] }>(manifests, 'Service');
    const [endpoint] = monitor.endpoints;
    expect(service.metadata.labels).toMatchObject(monitor.selector.matchLabels);
    expect(service.spec.ports.map(({ name }) => name)).toContain(endpoint?.port);

    // What the operator's own relabeling makes of what Kubernetes tells, before ours.
    const copies: Readonly<Record<string, string>> = {
      __meta_kubernetes_namespace: 'namespace',
      __meta_kubernetes_service_name: 'service',
      __meta_kubernetes_pod_name: 'pod',
      __meta_kubernetes_pod_container_name: 'container',
      __meta_kubernetes_endpoint_port_name: 'endpoint',
    };
    const operators = Object.entries(copies).map(([source, label]) => ({
      source_labels: [source],
      target_label: label,
    }));
    const ours = (endpoint?.relabelings ?? []).map((relabeling) =>
      Object.fromEntries(
        Object.entries(relabeling).map(([key, value]) => [
          key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
          value,
        ]),
      ),
    );
    const targetOf = (address: string, pod: string) => ({
      targets: [address],
      labels: Object.fromEntries(
        Object.entries(copies).map(([source, label]) => [source, label === 'pod' ? pod : `the-${label}`]),
      ),
    });
    const config = join(temporaryFolder(), 'prometheus.yaml');
    writeFileSync(
      config,
      stringify({
        scrape_configs: [
          {
            job_name: 'dora-exporter',
            metrics_path: endpoint?.path,
            relabel_configs: [...operators, ...ours],
            static_configs: [targetOf('10.0.0.1:3673', 'pod-a'), targetOf('10.0.0.2:3673', 'pod-b')],
          },
        ],
      }),
    );
    const told = execFileSync(
      promtool,
      ['check', 'service-discovery', '--timeout=1s', config, 'dora-exporter'],
      { encoding: 'utf8' },
    );
    const targets = JSON.parse(told) as { discoveredLabels: object; labels: Record<string, string> }[];
    const visible = targets.map(({ labels }) =>
      Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('__'))),
    );
    const stable = {
      endpoint: 'the-endpoint',
      instance: 'the-namespace/the-service',
      job: 'dora-exporter',
      namespace: 'the-namespace',
      service: 'the-service',
    };
    expect(visible).toEqual([stable, stable]);
  });
});
