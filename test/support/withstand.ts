/**
 * What must hold of the real process under any attack: while it lasts, honest users are served, every request on a
 * connection of its own; afterwards nothing has stayed behind, no figure but theirs has changed, and the log tells no
 * secret and nothing that attackers sent.
 */

import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { canary, type Fared, honestRepo, startHonestUsers, type Target } from './attack.ts';
import { adminToken, type Metrics, parseMetrics, webhookSecret } from './exporter-process.ts';

/** Far above what was measured (120 to 320), below what a container of 512 MB holds. */
const mostMb = 420;
/** Far above what was measured; a user would give up later. Of computing, since the machine may be busy with others. */
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

/** The figures alone: what is about the exporter itself changes under attack, and should. */
function figuresIn(metrics: Metrics, isOf: (labels: string) => boolean): Record<string, number> {
  return Object.fromEntries(
    [...metrics].filter(([name]) => /^dora_(?!exporter_|tier_)/.test(name) && isOf(name)),
  );
}
const isHonest = (name: string) => name.includes(`repo="${honestRepo}"`);

export interface WithstandOptions {
  /** Whether webhooks are hints only, so that what honest users post shows in no figure. */
  readonly areHints?: boolean;
  readonly scrapeHeaders?: Readonly<Record<string, string>>;
}

/** Lets an attack run beside honest users, and checks that they were served and that nothing is left of it. */
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
  await expect.poll(target.openFiles, { timeout: 10_000 }).toBeLessThanOrEqual(filesBefore + 2);
  const { peakMb } = target.memory();
  expect(peakMb).toBeLessThan(mostMb);
  const log = target.output();
  for (const secret of [canary, webhookSecret, adminToken]) expect(log).not.toContain(secret);
  expect(log).not.toMatch(/unexpectedly|warning|Error:/i);
  // Each request has a line of its own at this level; all else must not grow with what is thrown at it.
  const others = log.split('\n').filter((line) => !/ debug Request method=/.test(line));
  expect(others.join('\n').length).toBeLessThan(20_000);
  noteFigures({ webhooks, scrapes, peakMb, nowMb: target.memory().nowMb });
  return metrics;
}

function tell({ answers, worstCpuMs }: Fared, expected: number) {
  return {
    unlike: [...new Set(answers.filter((answer) => answer !== expected))],
    isEnough: answers.length >= 3,
    isSoon: worstCpuMs < mostCpuMs,
  };
}

interface Figures {
  readonly webhooks: Fared;
  readonly scrapes: Fared;
  readonly peakMb: number;
  readonly nowMb: number;
}

/** Appended to the file that `DORA_TEST_FIGURES` names, if any. */
export function noteFigures({ webhooks, scrapes, peakMb, nowMb }: Figures): void {
  const path = process.env['DORA_TEST_FIGURES'];
  if (!path) return;
  const times = ({ answers, medianMs, p99Ms, worstMs }: Fared) =>
    `${answers.length} (median ${medianMs.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms, worst ${worstMs.toFixed(0)} ms)`;
  const memory = `memory ${nowMb.toFixed(0)} MB, at most ${peakMb.toFixed(0)} MB`;
  const { currentTestName } = expect.getState();
  appendFileSync(
    path,
    `${currentTestName}: webhooks ${times(webhooks)}, scrapes ${times(scrapes)}, ${memory}\n`,
  );
}

async function readMetrics(target: Target, headers: Readonly<Record<string, string>>): Promise<Metrics> {
  const answer = await fetch(`${target.metricsUrl}/metrics`, { headers });
  return parseMetrics(await answer.text());
}
