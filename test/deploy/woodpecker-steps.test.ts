import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import {
  type ExporterProcess,
  startExporter,
  temporaryFolder,
  webhookSecret,
} from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { collectOutput } from '../support/output.ts';
import { repository } from '../support/repository.ts';
import { requireProgram } from '../support/requirement.ts';

interface Condition {
  readonly event?: readonly string[];
  readonly status?: readonly string[];
}

interface Step {
  readonly name: string;
  readonly image: string;
  readonly failure?: string;
  readonly when: readonly Condition[];
  readonly environment?: Readonly<Record<string, { readonly from_secret: string }>>;
  readonly commands?: readonly string[];
  readonly settings?: {
    readonly urls: string;
    readonly token_value: { readonly from_secret: string };
  };
}

interface Workflow {
  readonly steps: readonly Step[];
  readonly skip_clone?: boolean;
  readonly depends_on?: readonly string[];
  readonly runs_on?: readonly string[];
  readonly when?: readonly Condition[];
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

const folder = join(repository, 'deploy/woodpecker');
const files = readdirSync(folder);
const address = 'https://dora.example.com/webhook';
const countedEvents = ['push', 'tag', 'release', 'deployment', 'manual', 'cron'];

const workflowsOf = (file: string): readonly Workflow[] =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Workflow;
  });

/** Steps of all files by the way they post; `key` is their file and their place in it. */
const stepsOf = (kind: 'commands' | 'settings', pattern: RegExp) =>
  files
    .filter((file) => pattern.test(file))
    .flatMap((file) => workflowsOf(file).flatMap(({ steps }) => steps.map((step) => ({ file, step }))))
    .filter(({ step }) => step[kind] !== undefined)
    .map(({ file, step }) => [file, step.name, step] as const);

/** Variables that every Woodpecker from 2.8 on sets in a step, as one would be set. */
const variables = (number: number, root: string) => ({
  CI_REPO: 'acme/shop',
  CI_REPO_DEFAULT_BRANCH: 'main',
  CI_PIPELINE_NUMBER: String(number),
  CI_PIPELINE_EVENT: 'push',
  CI_PIPELINE_URL: `${root}/repos/7/pipeline/${number}`,
  CI_COMMIT_BRANCH: 'main',
  CI_COMMIT_SHA: '2fff90f8d288a4640e90f05049fe30e61a14fd50',
});

/** Runs a step's commands as an agent's shell does, with `url` for the example's. */
function runCommands(
  step: Step,
  url: string,
  env: Readonly<Record<string, string>>,
  limitSeconds = 10,
): Promise<Outcome> {
  const script = (step.commands ?? [])
    .join('\n')
    .replaceAll(address, url)
    .replaceAll('-m 10', `-m ${limitSeconds}`);
  const child = spawn('sh', ['-e', '-c', script], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collectOutput(child.stdout, child.stderr);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output: output() })));
}

/** An exporter that knows a Woodpecker with one running pipeline. */
async function startAsking() {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
  const exporter = await startExporter({
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    // So that the hint alone brings it.
    DORA_STREAM: 'false',
    DORA_RECONCILE_INTERVAL: '0',
  });
  await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
  const { number } = woodpecker.createPipeline('acme/shop', { workflows: ['build', 'deploy'] });
  woodpecker.startPipeline('acme/shop', number);
  return { woodpecker, exporter, number };
}

async function expectCountedAfter(
  { woodpecker, exporter, number }: Awaited<ReturnType<typeof startAsking>>,
  status: 'success' | 'failure',
) {
  expect((await exporter.metrics()).get(counted('dora_deployments_total'))).toBe(0);
  woodpecker.finishPipeline('acme/shop', number, { status });
  await expect.poll(async () => (await exporter.metrics()).get(counted('dora_deployments_total'))).toBe(1);
}

const counted = (name: string) => `${name}{repo="acme/shop",tier="unassigned"}`;
const url = (exporter: ExporterProcess) => `${exporter.url}/webhook`;
const eachFile = files.map((file) => [file] as const);

describe('the steps for Woodpecker', () => {
  it('are there for one workflow and for several, for every version, with curl and the plugin', () => {
    expect([...files].sort()).toEqual([
      'several-workflows.v2.8-v3.13.curl.yaml',
      'several-workflows.v2.8-v3.13.webhook-plugin.yaml',
      'several-workflows.v3.14.curl.yaml',
      'several-workflows.v3.14.webhook-plugin.yaml',
      'single-workflow.curl.yaml',
      'single-workflow.webhook-plugin.yaml',
      'without-url.several-tiers.yaml',
      'without-url.several-workflows.yaml',
      'without-url.single-workflow.yaml',
    ]);
  });

  it.each(eachFile)('%s fails open', (file) => {
    for (const { steps, when } of workflowsOf(file)) {
      for (const step of steps) {
        expect(step.failure).toBe('ignore');
        // A secret that an event may not have would end the pipeline with an error; pull requests rarely may.
        for (const { event } of [...step.when, ...(when ?? [])]) expect(event).toEqual(countedEvents);
        for (const command of step.commands ?? []) expect(command).toContain(' -m 10 ');
      }
    }
  });

  it.each(eachFile)('%s runs after a failure too, and knows no variable that a version lacks', (file) => {
    for (const { steps } of workflowsOf(file)) {
      const outcomes = steps.flatMap(({ when }) => when.flatMap(({ status }) => status ?? []));
      expect(outcomes).toContain('failure');
    }
    const text = readFileSync(join(folder, file), 'utf8').replace(/^#.*$/gm, '');
    // Woodpecker replaces what is in braces before the step runs, by nothing where it is known only then.
    expect(text).not.toContain('$' + '{');
    const sometimes = ['CI_PIPELINE_DEPLOY_TARGET', 'CI_COMMIT_TAG', 'DORA_SECRET'];
    const known = [...Object.keys(variables(1, '')), ...sometimes];
    for (const [, name] of text.matchAll(/\$(\w+)/g)) expect(known).toContain(name);
  });

  it.each(files.filter((file) => file.startsWith('several')).map((file) => [file]))(
    '%s is a workflow of its own after the others, whatever became of them',
    (file) => {
      const [workflow, ...others] = workflowsOf(file);
      const both = ['success', 'failure'];
      expect(others).toEqual([]);
      expect(workflow).toMatchObject({ skip_clone: true, depends_on: ['build', 'deploy'] });
      const isOld = file.includes('v2.8');
      expect(workflow?.runs_on).toEqual(isOld ? both : undefined);
      expect(workflow?.when?.map(({ status }) => status)).toEqual([isOld ? undefined : both]);
    },
  );
});

describe('a step that sends a hint with curl', () => {
  it.for(stepsOf('commands', /^(single|several)/))(
    '%s: is followed to the end (%s)',
    async ([, , step], { skip }) => {
      requireProgram('curl', skip);
      const asking = await startAsking();
      const { exporter, number, woodpecker } = asking;
      const secret = Object.keys(step.environment ?? {})[0] ?? '';
      const outcome = await runCommands(step, url(exporter), {
        ...variables(number, woodpecker.url),
        [secret]: webhookSecret,
      });
      expect(outcome).toEqual({ code: 0, output: '{"result":"following"}\n' });
      await expectCountedAfter(asking, 'failure');
      expect((await exporter.metrics()).get(counted('dora_deployment_failures_total'))).toBe(1);
    },
  );

  it.for(stepsOf('commands', /^single/))(
    '%s: ends soon, and says why, where it is not taken in (%s)',
    async ([, , step], { skip }) => {
      requireProgram('curl', skip);
      const server = createServer((request, response) => {
        if (request.url === '/broken') response.writeHead(500).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const env = { ...variables(1, root), DORA_SECRET: webhookSecret };

      const broken = await runCommands(step, `${root}/broken`, env);
      expect(broken).toEqual({ code: 22, output: expect.stringContaining('500') });
      const silent = await runCommands(step, `${root}/silent`, env, 1);
      expect(silent).toEqual({ code: 28, output: expect.stringContaining('timed out') });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      const down = await runCommands(step, root, env);
      expect(down.code).toBe(7);
    },
  );
});

describe('a step that sends a hint with plugins/webhook', () => {
  const body = readFileSync(join(repository, 'test/fixtures/woodpecker/drone-webhook.json'), 'utf8');

  it.for(stepsOf('settings', /^(single|several)/))('%s: is followed to the end (%s)', async ([, , step]) => {
    const asking = await startAsking();
    const { exporter, number, woodpecker } = asking;
    expect(step.settings).toEqual({ urls: address, token_value: { from_secret: 'dora_secret' } });
    const sent = JSON.parse(body) as { build: Record<string, unknown> };
    const { id } = woodpecker.repo('acme/shop');
    Object.assign(sent.build, { number, link: `${woodpecker.url}/repos/${id}/pipeline/${number}` });
    // The plugin's own defaults: POST, and the token as a bearer's.
    const answer = await exporter.post(sent, { authorization: `Bearer ${webhookSecret}` });
    expect([answer.status, await answer.json()]).toEqual([202, { result: 'following' }]);
    await expectCountedAfter(asking, 'success');
  });
});

describe('a step that reports to an exporter without a URL', () => {
  it.for(stepsOf('commands', /^without-url.*workflow/))(
    '%s: is counted as what it says (%s)',
    async ([, name, step], { skip }) => {
      requireProgram('curl', skip);
      const folder = temporaryFolder();
      const policy = join(repository, 'deploy/policy/policy.yaml');
      const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: policy });
      const env = { ...variables(12, 'https://ci.example.com'), DORA_SECRET: webhookSecret };
      const deployment = {
        ...env,
        CI_PIPELINE_NUMBER: '13',
        CI_PIPELINE_EVENT: 'deployment',
        CI_PIPELINE_DEPLOY_TARGET: 'prod',
      };

      for (const given of [env, deployment]) {
        const outcome = await runCommands(step, url(exporter), given);
        expect(outcome).toEqual({ code: 0, output: '{"result":"stored"}\n' });
      }
      const failures = name === 'dora-failure' ? 1 : 0;
      const metrics = await exporter.metrics();
      for (const tier of ['unassigned', 'production']) {
        const series = (metric: string) => `${metric}{repo="acme/shop",tier="${tier}"}`;
        expect([tier, metrics.get(series('dora_deployments_total'))]).toEqual([tier, 1]);
        expect([tier, metrics.get(series('dora_deployment_failures_total'))]).toEqual([tier, failures]);
      }
      expect(step.when.flatMap(({ status }) => status)).toEqual([name.replace('dora-', '')]);
    },
  );

  it('tells a tag, so that the policy may tell releases from candidates', async ({ skip }) => {
    requireProgram('curl', skip);
    const folder = temporaryFolder();
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'tiers: [{tier: production, tags: ["v*", "!*-*"]}]\ndefault_tier: null\n');
    const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: policy });
    const [step] = workflowsOf('without-url.single-workflow.yaml')[0]?.steps ?? [];
    if (!step) throw new Error('No step');
    const report = (number: number, tag: string) =>
      runCommands(step, url(exporter), {
        ...variables(number, 'https://ci.example.com'),
        DORA_SECRET: webhookSecret,
        CI_PIPELINE_EVENT: 'tag',
        CI_COMMIT_BRANCH: '',
        CI_COMMIT_TAG: tag,
      });
    expect(await report(12, 'v1.2.0')).toEqual({ code: 0, output: '{"result":"stored"}\n' });
    const candidate = { code: 0, output: '{"result":"ignored","reason":"tier"}\n' };
    expect(await report(13, 'v1.3.0-rc.1')).toEqual(candidate);
    const production = 'dora_deployments_total{repo="acme/shop",tier="production"}';
    expect((await exporter.metrics()).get(production)).toBe(1);
  });

  it('reports two tiers of one pipeline, each for itself', async ({ skip }) => {
    requireProgram('curl', skip);
    const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
    const env = { ...variables(12, 'https://ci.example.com'), DORA_SECRET: webhookSecret };
    const [staging, production] = workflowsOf('without-url.several-tiers.yaml');
    for (const step of [staging?.steps[0], production?.steps[1]]) {
      if (!step) throw new Error('No step');
      const outcome = await runCommands(step, url(exporter), env);
      expect(outcome).toEqual({ code: 0, output: '{"result":"stored"}\n' });
    }
    const metrics = await exporter.metrics();
    const totals = (name: string) =>
      ['staging', 'production', 'unassigned'].map((tier) =>
        metrics.get(`${name}{repo="acme/shop",tier="${tier}"}`),
      );
    expect(totals('dora_deployments_total')).toEqual([1, 1, 0]);
    expect(totals('dora_deployment_failures_total')).toEqual([0, 1, 0]);
  });

  it('lets a failure of one workflow outrank the success of another', async ({ skip }) => {
    requireProgram('curl', skip);
    const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
    const env = { ...variables(12, 'https://ci.example.com'), DORA_SECRET: webhookSecret };
    const [last, other] = workflowsOf('without-url.several-workflows.yaml');
    for (const step of [last?.steps[0], other?.steps[0]]) {
      if (!step) throw new Error('No step');
      expect((await runCommands(step, url(exporter), env)).code).toBe(0);
    }
    const metrics = await exporter.metrics();
    expect(metrics.get(counted('dora_deployments_total'))).toBe(1);
    expect(metrics.get(counted('dora_deployment_failures_total'))).toBe(1);
  });
});
