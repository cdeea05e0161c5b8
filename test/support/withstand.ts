/**
 * The guarantees of the real process under any attack. During the attack, it serves honest users, each request on a new
 * connection. After it, no connection or memory is left, only the figures of honest users have changed, and the log contains
 * no secret and no text of the attackers.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { canary, type Fared, honestRepo, startHonestUsers, type Target } from './attack.ts';
import { adminToken, type Metrics, parseMetrics, webhookSecret } from './exporter-process.ts';

/** MB. Far above the measured values (120 to 320), below the limit of a container of 512 MB. */
const mostMb = 420;
/** Milliseconds of CPU time, since the machine may be busy. Far above the measured values; a user would wait longer. */
const mostCpuMs = 8_000;

export const report = (repo: string, number: number, rest: object = {}) =>
  JSON.stringify({
    repo,
    number,
    status: 'success',
    event: 'push',
    finished: 1_785_000_000 + number,
    ...rest,
  });

/** The figures alone: an attack must change the exporter's metrics about itself. */
function figuresIn(metrics: Metrics, isOf: (labels: string) => boolean): Record<string, number> {
  return Object.fromEntries(
    [...metrics].filter(([name]) => /^dora_(?!exporter_|tier_)/.test(name) && isOf(name)),
  );
}
const isHonest = (name: string) => name.includes(`repo="${honestRepo}"`);

export interface WithstandOptions {
  /** Whether webhooks are hints only, so that posts of honest users change no figure. */
  readonly areHints?: boolean;
  readonly scrapeHeaders?: Readonly<Record<string, string>>;
}

/** Runs an attack beside honest users. Checks that they were served, and that the attack has left no traces. */
export async function withstand(
  target: Target,
  attack: () => Promise<void>,
  { areHints = false, scrapeHeaders = {} }: WithstandOptions = {},
): Promise<Metrics> {
  const read = async () => readMetrics(target, scrapeHeaders);
  expect((await target.post(report('acme/before', 1))).status).toBe(202);
  const metricsBefore = await read();
  const before = figuresIn(metricsBefore, (name) => !isHonest(name));
  const filesBefore = target.openFiles();
  const honest = startHonestUsers(target, { scrapeHeaders });
  await delay(300);
  await attack();
  await delay(300);
  const { webhooks, scrapes, accepted } = await honest.stop();

  expect(target.child.exitCode).toBe(null);
  const served = { unlike: [], isEnough: true, isSoon: true };
  expect({ webhooks: tell(webhooks, 202), scrapes: tell(scrapes, 200) }).toEqual({
    webhooks: served,
    scrapes: served,
  });
  const metrics = await read();
  expect(figuresIn(metrics, (name) => !isHonest(name))).toEqual(before);
  if (!areHints) {
    const honestTotal = `dora_deployments_total{repo="${honestRepo}",tier="unassigned"}`;
    expect((metrics.get(honestTotal) ?? 0) - (metricsBefore.get(honestTotal) ?? 0)).toBe(accepted);
  }
  await expect.poll(target.openFiles).toBeLessThanOrEqual(filesBefore + 2);
  expect(target.peakMb()).toBeLessThan(mostMb);
  const log = target.output();
  for (const secret of [canary, webhookSecret, adminToken]) expect(log).not.toContain(secret);
  expect(log).not.toMatch(/unexpectedly|warning|Error:/i);
  // At this level, each request has a line. The number of other lines must not grow with the attack.
  const others = log.split('\n').filter((line) => !/ debug Request method=/.test(line));
  expect(others.join('\n').length).toBeLessThan(20_000);
  return metrics;
}

function tell({ answers, worstCpuMs }: Fared, expected: number) {
  return {
    unlike: [...new Set(answers.filter((answer) => answer !== expected))],
    isEnough: answers.length >= 3,
    isSoon: worstCpuMs < mostCpuMs,
  };
}

async function readMetrics(target: Target, headers: Readonly<Record<string, string>>): Promise<Metrics> {
  const answer = await fetch(`${target.metricsUrl}/metrics`, { headers });
  return parseMetrics(await answer.text());
}
