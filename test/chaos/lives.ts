/**
 * The lives of pipelines and repos in the chaos test. Random numbers select them, and all times are in ticks, so that
 * the same seed gives the same history on a machine of any speed.
 *
 * Two writes that end a pipeline differently are always further apart than a second: Woodpecker's `updated` has whole
 * seconds, and for two observations of one second, their rank would decide.
 */

import { parseVersion } from '../support/fake-woodpecker/version.ts';
import type { CreateInput, FakeWoodpecker, Repo } from '../support/fake-woodpecker.ts';
import { isActive } from '../support/fake-woodpecker.ts';
import { historyDays } from './expected.ts';
import type { Random } from './random.ts';

export const tickMs = 20;
const moreThanASecond = Math.ceil(1_200 / tickMs);
const daySeconds = 86_400;

const ends = [
  'success',
  'success',
  'success',
  'failure',
  'failure',
  'failure finished 0',
  'success finished 0',
  'odd clock',
  'killed by user',
  'killed by user, settled',
  'killed by superseding, settled',
  'killed by step',
  'killed by step, settled',
  'killed, then success',
  'timeout',
  'canceled while pending',
  'blocked, declined',
  'blocked, approved',
  'blocked, killed',
  'blocked',
  'running',
  'error',
  'restart',
  'restart with an error',
  'restart as deployment',
  'number used again',
] as const;
type End = (typeof ends)[number];

export interface Lives {
  /** Performs the actions of the next tick; `false`: nothing more will happen. */
  tick(): boolean;
  /** All current and former default branches of each repo, by its id. */
  readonly defaultBranches: ReadonlyMap<number, ReadonlySet<string>>;
  /** Number of pipelines with each end. */
  readonly counts: ReadonlyMap<string, number>;
  /** Number of deployments in the history with which a repo appeared, by full name. */
  readonly historyOf: ReadonlyMap<string, number>;
}

export interface LivesOptions {
  readonly woodpecker: FakeWoodpecker;
  readonly random: Random;
  readonly pipelines: number;
  readonly ticks: number;
  /** Called if a step of the pipeline may post a webhook. */
  readonly onNews: (repo: Repo, number: number) => void;
}

export function createLives({ woodpecker, random, pipelines, ticks, onNews }: LivesOptions): Lives {
  const version = parseVersion(woodpecker.version);
  const agenda = new Map<number, (() => void)[]>();
  const counts = new Map<string, number>();
  const historyOf = new Map<string, number>();
  const defaultBranches = new Map<number, Set<string>>();
  let now = 0;
  let last = ticks;

  const at = (tick: number, action: () => void): void => {
    agenda.set(tick, [...(agenda.get(tick) ?? []), action]);
    last = Math.max(last, tick);
  };
  const seconds = () => Math.floor(Date.now() / 1000);

  const addRepo = (fullName: string, history: number): Repo => {
    const repo = woodpecker.addRepo({
      fullName,
      private: random.isLucky(0.7),
      access: { alice: random.pick(['push', 'admin']) },
    });
    defaultBranches.set(repo.id, new Set([repo.default_branch]));
    for (let i = history; i > 0; i--) {
      // At least one success and one failure after the horizon, so that older ones decide nothing.
      const isOld = i > history / 2 && i > 4;
      const days = isOld ? historyDays * 1.5 + i / 50 : (historyDays * 0.8 * i) / history;
      const created = seconds() - Math.floor(days * daySeconds) - 600;
      const status =
        i === 1 ? 'success' : i === 2 ? 'failure' : random.pick(['success', 'failure', 'killed'] as const);
      woodpecker.addPipeline(repo, { status, created, started: created + 5, finished: created + 90 });
      if (!isOld && status !== 'killed') historyOf.set(fullName, (historyOf.get(fullName) ?? 0) + 1);
    }
    return repo;
  };

  const what = (repo: Repo): CreateInput => {
    const branch = repo.default_branch;
    switch (random.between(0, 13)) {
      case 0:
        return { event: 'pull_request', branch };
      case 1:
        return { event: 'push', branch, fromFork: version.atLeast(2, 8) };
      case 2:
        return { event: 'cron', branch: 'nightly' };
      case 3:
        return { event: 'cron', branch };
      case 4:
        return { event: 'push', branch: 'feature' };
      case 5:
        return { event: 'push', branch: 'trunk' };
      case 6:
        return { event: 'tag' };
      case 7:
        return { event: 'release', branch };
      case 8:
        return { event: 'manual', branch };
      case 9:
      case 10:
        return { event: 'deployment', branch, deployTo: random.pick(['production', 'prod-eu', 'staging']) };
      default:
        return { event: 'push', branch };
    }
  };

  /** Starts the life of a repo's pipeline; it ends if its repo or pipeline no longer exists. */
  const live = (repo: Repo): void => {
    const end: End = random.pick(ends);
    const short = () => random.between(2, 25);
    const start = now + short();
    const finish = start + short();
    const settle = finish + moreThanASecond + short();
    const input = what(repo);
    const skew = -random.between(0, 200);
    const isSingle = random.isLucky(0.7);
    const workflows = isSingle ? ['build'] : ['build', 'deploy'];
    const create = (more: CreateInput = {}): number => {
      const created = woodpecker.createPipeline(repo, { ...input, workflows, ...more });
      onNews(repo, created.number);
      return created.number;
    };
    const after = (tick: number, number: number, action: () => void): void =>
      at(tick, () => {
        if (!woodpecker.findRepo(repo.id) || !woodpecker.findPipeline(repo, number)) return;
        action();
        onNews(woodpecker.repo(repo.id), number);
      });
    const begin = (tick: number, number: number) =>
      after(tick, number, () => void woodpecker.startPipeline(repo, number));
    const finishAs = (tick: number, number: number, status: 'success' | 'failure' | 'killed') =>
      after(tick, number, () => {
        woodpecker.finishPipeline(repo, number, { status, finished: seconds() + skew });
      });
    const cancel = (
      tick: number,
      number: number,
      by: { user: string } | { step: string } | { supersededBy: number },
    ) => after(tick, number, () => void woodpecker.cancelPipeline(repo, number, { by }));
    const settleAt = (tick: number, number: number) => {
      after(tick, number, () => {
        const finished = seconds() - random.between(0, 3);
        woodpecker.settleCanceled(repo, number, { finished, reportsSteps: false });
      });
      after(tick + random.between(1, 20), number, () => {
        woodpecker.reportBrokenOffSteps(repo, number);
      });
    };
    const restartable = () =>
      woodpecker
        .pipelines(repo)
        .filter(({ status }) => !isActive(status) && (status !== 'declined' || version.atLeast(3, 0)));
    counts.set(end, (counts.get(end) ?? 0) + 1);

    switch (end) {
      case 'success':
      case 'failure': {
        const number = create();
        begin(start, number);
        finishAs(finish, number, end);
        return;
      }
      case 'failure finished 0': {
        const number = create({ workflows: ['build', 'deploy'] });
        begin(start, number);
        finishAs(finish, number, 'failure');
        return;
      }
      case 'success finished 0': {
        const number = create({ workflows: ['build', 'notify'] });
        begin(start, number);
        after(finish, number, () => {
          woodpecker.doneWorkflow(repo, number, 'build', { state: 'success', finished: seconds() + skew });
          woodpecker.doneWorkflow(repo, number, 'notify', { state: 'skipped' });
        });
        return;
      }
      case 'odd clock': {
        const number = create({ workflows: ['build'] });
        begin(start, number);
        const offset = random.pick([-4_000, 4_000]);
        const status = random.pick(['success', 'failure'] as const);
        after(finish, number, () => {
          woodpecker.finishPipeline(repo, number, { status, finished: seconds() + offset });
        });
        return;
      }
      case 'killed by user':
      case 'killed by user, settled': {
        const number = create();
        begin(start, number);
        cancel(finish, number, { user: 'alice' });
        if (end === 'killed by user, settled') settleAt(settle, number);
        return;
      }
      case 'killed by superseding, settled': {
        const number = create();
        begin(start, number);
        cancel(finish, number, { supersededBy: number + 1 });
        settleAt(settle, number);
        return;
      }
      case 'killed by step':
      case 'killed by step, settled': {
        const number = create();
        begin(start, number);
        cancel(finish, number, { step: 'test' });
        if (end === 'killed by step, settled') settleAt(settle, number);
        return;
      }
      case 'killed, then success': {
        const number = create({ workflows: ['build'] });
        begin(start, number);
        cancel(finish, number, { user: 'alice' });
        after(settle, number, () => {
          woodpecker.doneWorkflow(repo, number, 'build', { state: 'success' });
        });
        return;
      }
      case 'timeout': {
        const number = create();
        begin(start, number);
        finishAs(finish, number, 'killed');
        return;
      }
      case 'canceled while pending': {
        cancel(finish, create(), { user: 'alice' });
        return;
      }
      case 'blocked, declined': {
        const number = create({ stopAt: 'blocked' });
        after(finish, number, () => void woodpecker.declinePipeline(repo, number));
        return;
      }
      case 'blocked, approved': {
        const number = create({ stopAt: 'blocked' });
        after(start, number, () => void woodpecker.approvePipeline(repo, number));
        begin(finish, number);
        finishAs(settle, number, random.pick(['success', 'failure']));
        return;
      }
      case 'blocked, killed': {
        cancel(finish, create({ stopAt: 'blocked' }), { user: 'alice' });
        return;
      }
      case 'blocked': {
        create({ stopAt: 'blocked' });
        return;
      }
      case 'running': {
        begin(start, create());
        return;
      }
      case 'error': {
        const number = create({ stopAt: 'created' });
        after(start, number, () => void woodpecker.errorPipeline(repo, number));
        return;
      }
      case 'restart':
      case 'restart as deployment': {
        const old = restartable();
        if (old.length === 0) return;
        const how =
          end === 'restart'
            ? {}
            : { event: 'deployment' as const, deployTo: random.pick(['production', 'staging']) };
        const { number } = woodpecker.restartPipeline(repo, random.pick(old).number, how);
        const status = random.pick(['success', 'failure'] as const);
        begin(start, number);
        finishAs(finish, number, status);
        return;
      }
      case 'restart with an error': {
        const old = restartable();
        // No stream message and no webhook reports this.
        if (old.length > 0)
          woodpecker.restartPipeline(repo, random.pick(old).number, { error: 'no config found' });
        return;
      }
      case 'number used again': {
        const phantom = create({ stopAt: 'created' });
        woodpecker.deletePipeline(repo, phantom);
        const number = create();
        begin(start, number);
        finishAs(finish, number, random.pick(['success', 'failure']));
        return;
      }
      default:
        end satisfies never;
    }
  };

  const names = ['shop', 'billing', 'search', 'site', 'mail', 'infra-dns', 'infra-vpn', 'docs'];
  for (const name of names) addRepo(`acme/${name}`, random.between(0, 12));
  const share = (part: number) => Math.floor(ticks * part) + random.between(0, 20);
  const id = (name: string) => woodpecker.repo(`acme/${name}`).id;
  const idOf = Object.fromEntries(names.map((name) => [name, id(name)]));
  const has = (name: string): Repo | null => woodpecker.findRepo(idOf[name] ?? 0);
  const change = (part: number, name: string, action: (repo: Repo) => void) =>
    at(share(part), () => {
      const repo = has(name);
      if (repo) action(repo);
    });

  at(share(0.15), () => void addRepo('acme/late', 30));
  at(share(0.4), () => void addRepo('acme/infra-late', 0));
  at(share(0.7), () => void addRepo('acme/last', 70));
  change(0.2, 'search', (repo) => void woodpecker.renameRepo(repo, 'acme/finder'));
  change(0.5, 'search', (repo) => void woodpecker.renameRepo(repo, 'Acme/Finder'));
  change(0.35, 'infra-vpn', (repo) => void woodpecker.renameRepo(repo, 'acme/infra-tunnel'));
  change(0.45, 'mail', (repo) => void woodpecker.deleteRepo(repo));
  change(0.3, 'docs', (repo) => void woodpecker.changeRepo(repo, { active: false }));
  change(0.6, 'docs', (repo) => void woodpecker.changeRepo(repo, { active: true }));
  change(0.75, 'site', (repo) => void woodpecker.changeRepo(repo, { active: false }));
  change(0.25, 'billing', (repo) => woodpecker.revoke('alice', repo));
  change(0.55, 'billing', (repo) => woodpecker.grant('alice', repo, 'push'));
  change(0.8, 'infra-dns', (repo) => woodpecker.revoke('alice', repo));
  change(0.5, 'shop', (repo) => {
    defaultBranches.get(repo.id)?.add('trunk');
    woodpecker.changeRepo(repo, { default_branch: 'trunk' });
  });
  for (let i = 0; i < pipelines; i++) {
    at(random.between(0, ticks), () => {
      const active = woodpecker.repos().filter((repo) => repo.active);
      live(random.pick(active));
    });
  }

  return {
    tick() {
      for (const action of agenda.get(now) ?? []) action();
      agenda.delete(now);
      now++;
      return now <= last;
    },
    defaultBranches,
    counts,
    historyOf,
  };
}
