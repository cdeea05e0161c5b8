/**
 * The past that `npm run demo` shows: months of commits of five repos, how each went, and the policy that goes with it.
 *
 * A push builds, tests, and rolls out to staging. Every few commits are released to production hours or days later. A
 * release may fail, be rolled back, be reverted, be repaired by a hotfix, or cause an incident.
 */

import { createHash } from 'node:crypto';
import { pushRun } from './demo-push.ts';
import type { FakeWoodpecker, PipelineInput, Repo } from './fake-woodpecker.ts';

const historyDays = 120;
const minute = 60;
const hour = 3600;
const day = 86_400;

export const demoPolicy = `tiers:
  # Of a push, the step that rolls out: a red test before it and a failed notice after it do not matter.
  - { tier: staging, events: [push], workflows: [deploy-staging], steps: [rollout] }
  - { tier: production, deploy_to: [production] }
lead_time: { fallback: created }
`;

/** A body of `POST /incidents`. */
export interface DemoIncident {
  readonly id: string;
  readonly repo: string;
  readonly tier: string;
  readonly started: number;
  readonly resolved?: number;
  readonly title: string;
}

export interface DemoRepo {
  readonly repo: Repo;
  /** Commits that are on staging and wait for production, oldest first. */
  readonly waiting: string[];
  /** Whether its production fails or has an open incident at the end. */
  readonly isInTrouble: boolean;
}

export interface DemoHistory {
  readonly repos: readonly DemoRepo[];
  readonly incidents: readonly DemoIncident[];
}

/** The fate of a release to production. */
type Fate = 'succeeds' | 'fails' | 'is rolled back' | 'is reverted' | 'is repaired' | 'causes an incident';

const names = ['acme/shop', 'acme/billing', 'acme/search', 'acme/website', 'acme/infra-dns'];
const failing = 'acme/billing';
const withIncident = 'acme/search';
/** Each cause happens once in the last week, so that every window shows it. */
const lastWeek: readonly Fate[] = [
  'is rolled back',
  'succeeds',
  'causes an incident',
  'is reverted',
  'fails',
  'is repaired',
];

/** Fills the server with the past up to now. `random` returns numbers from 0 to 1. */
export function fillHistory(target: FakeWoodpecker, random: () => number): DemoHistory {
  const now = Math.floor(Date.now() / 1000);
  const incidents: DemoIncident[] = [];
  const repos = names.map((fullName, index) => {
    const repo = target.addRepo({ fullName, private: true, access: { alice: 'push' } });
    const past = imagine(fullName, 5 - index, random, now);
    past.pipelines.sort((a, b) => a.created - b.created);
    for (const pipeline of past.pipelines) target.addPipeline(repo, pipeline);
    incidents.push(...past.incidents);
    return { repo, waiting: past.waiting, isInTrouble: fullName === failing || fullName === withIncident };
  });
  return { repos, incidents };
}

/** `commitsPerDay`: the average. */
function imagine(repo: string, commitsPerDay: number, random: () => number, now: number) {
  const pipelines: (PipelineInput & { readonly created: number })[] = [];
  const incidents: DemoIncident[] = [];
  let waiting: string[] = [];
  let commits = 0;
  const between = (least: number, most: number) => Math.floor(least + random() * (most - least));
  const newCommit = () => createHash('sha1').update(`${repo} ${++commits}`).digest('hex');

  const push = (commit: string, created: number, message: string, branch = 'main') => {
    const run = pushRun(random(), created + 5);
    pipelines.push({ event: 'push', commit, branch, message, created, started: created + 5, ...run });
    return run.isOnStaging;
  };
  /** Returns the finish. */
  const release = (commit: string, finished: number, more: PipelineInput = {}): number => {
    const created = finished - between(2 * minute, 8 * minute);
    const message = 'feat: another step';
    const times = { created, started: created + 5, finished };
    pipelines.push({ event: 'deployment', deployTo: 'production', commit, message, ...more, ...times });
    return finished;
  };

  /** Releases a commit at a time, with its fate. Returns the time of the end, and the commit that then runs. */
  const live = (commit: string, at: number, fate: Fate, before: string) => {
    const later = at + between(40 * minute, 4 * hour);
    switch (fate) {
      case 'succeeds':
        return { until: release(commit, at), running: commit };
      case 'fails':
        release(commit, at, { status: 'failure' });
        return { until: release(commit, later), running: commit };
      case 'is rolled back':
        release(commit, at);
        return { until: release(before, later), running: before };
      case 'is reverted': {
        release(commit, at);
        const revert = newCommit();
        const message = `Revert "feat: another step"\n\nThis reverts commit ${commit}.\n`;
        push(revert, later - 20 * minute, message);
        return { until: release(revert, later, { message }), running: revert };
      }
      case 'is repaired': {
        release(commit, at);
        const hotfix = newCommit();
        const message = 'hotfix: round prices up';
        push(hotfix, later - 20 * minute, message, 'hotfix/prices');
        return { until: release(hotfix, later, { message, branch: 'hotfix/prices' }), running: hotfix };
      }
      case 'causes an incident': {
        release(commit, at);
        const started = at + between(3 * minute, 50 * minute);
        const id = `INC-${repo.replace('acme/', '')}-${incidents.length + 1}`;
        const report = { id, repo, tier: 'production', title: 'Too many requests fail' };
        // Older ones are in no window.
        if (started > now - 90 * day) incidents.push({ ...report, started, resolved: later + hour });
        return { until: later + hour, running: commit };
      }
    }
  };

  const isShop = repo === names[0];
  const toCome = isShop ? [...lastWeek] : [];
  let nextRelease = now - (historyDays - 2) * day;
  let running = newCommit();
  release(running, nextRelease - day);
  for (
    let at = now - historyDays * day;
    at < now - 2 * hour;
    at += (day / commitsPerDay) * (0.4 + 1.2 * random())
  ) {
    const commit = newCommit();
    const created = Math.floor(at);
    if (random() < 0.5)
      pipelines.push({ event: 'pull_request', created: created - between(hour, 20 * hour) });
    if (push(commit, created, 'feat: another step')) waiting.push(commit);
    const isTooLate = created > now - 8 * hour;
    if (created < nextRelease || isTooLate || waiting.length < 2) continue;
    // The newest commit stays on staging for a while.
    const released = waiting.at(-2) ?? commit;
    waiting = waiting.slice(-1);
    const isLastWeek = created > now - 6 * day;
    const fate = (isLastWeek && toCome.shift()) || fateOf(random());
    const end = live(released, created + between(minute, hour), fate, running);
    running = end.running;
    nextRelease = end.until + between(2 * hour, 20 * hour);
  }
  if (repo === failing) release(waiting.shift() ?? running, now - 70 * minute, { status: 'failure' });
  if (repo === withIncident) {
    release(waiting.shift() ?? running, now - 2 * hour);
    const report = { repo, tier: 'production', title: 'Results come late' };
    incidents.push({ id: 'INC-search-open', ...report, started: now - 50 * minute });
  }
  return { pipelines, incidents, waiting };
}

function fateOf(random: number): Fate {
  if (random < 0.84) return 'succeeds';
  if (random < 0.9) return 'fails';
  if (random < 0.93) return 'is rolled back';
  if (random < 0.95) return 'is reverted';
  return random < 0.97 ? 'is repaired' : 'causes an incident';
}

/** A small seeded generator, so that every demo shows the same history. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
