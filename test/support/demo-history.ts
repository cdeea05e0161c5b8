/** The simulated Woodpecker's past as `npm run demo` shows it, and the policy that goes with it. */

import type { FakeWoodpecker, Repo } from './fake-woodpecker.ts';

const historyDays = 120;
const daySeconds = 86_400;

export const demoPolicy = `tiers:
  - tier: production
    deploy_to: [production]
  - tier: staging
    events: [push, manual]
default_tier: other
rework:
  branches: [hotfix/*]
  message: ["^revert", "^hotfix"]
lead_time: { fallback: created }
`;

/** Months of pipelines of five repos, up to an hour ago. `random` gives numbers from 0 to 1. */
export function fillHistory(target: FakeWoodpecker, random: () => number): Repo[] {
  const now = Math.floor(Date.now() / 1000);
  const names = ['acme/shop', 'acme/billing', 'acme/search', 'acme/website', 'acme/infra-dns'];
  return names.map((fullName, index) => {
    const repo = target.addRepo({ fullName, private: true, access: { alice: 'push' } });
    const perDay = 6 - index;
    for (
      let at = now - historyDays * daySeconds;
      at < now - 3600;
      at += (daySeconds / perDay) * (0.5 + random())
    ) {
      const created = Math.floor(at);
      const isProduction = random() < 0.4;
      const isPullRequest = !isProduction && random() < 0.3;
      target.addPipeline(repo, {
        event: isProduction ? 'deployment' : isPullRequest ? 'pull_request' : 'push',
        status: random() < 0.85 ? 'success' : random() < 0.8 ? 'failure' : 'killed',
        created,
        started: created + 5,
        finished: created + 60 + Math.floor(random() * 600),
        message: random() < 0.05 ? 'Revert "feat: new checkout"' : 'feat: another step',
        ...(isProduction ? { deployTo: 'production' } : {}),
      });
    }
    return repo;
  });
}

/** A small seeded generator, so that every demo shows the same history. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
