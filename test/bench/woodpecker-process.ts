/**
 * The fake Woodpecker in its own process. It receives the size of its history in a message, and answers with its
 * address; it answers `requests` with their number since the last such message.
 */

import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';

export interface WoodpeckerOrder {
  readonly repos: number;
  readonly pipelines: number;
  readonly days: number;
}

export interface WoodpeckerAddress {
  readonly url: string;
  readonly token: string;
  readonly repoIds: readonly number[];
}

const woodpecker = await startFakeWoodpecker();

process.on('message', (order: 'probe' | 'requests' | WoodpeckerOrder) => {
  if (order === 'probe') return;
  if (order === 'requests') {
    process.send?.(woodpecker.requests.length);
    woodpecker.clearRequests();
    return;
  }
  process.send?.(fill(order));
});

/** Two of three pipelines count, one of eight of these failed; the newest one ended an hour ago. */
function fill({ repos, pipelines, days }: WoodpeckerOrder): WoodpeckerAddress {
  const newest = Math.floor(Date.now() / 1000) - 3600;
  const perRepo = pipelines / repos;
  const repoIds: number[] = [];
  for (let index = 0; index < repos; index++) {
    const repo = woodpecker.addRepo({
      fullName: `acme/shop-${index}`,
      private: true,
      access: { alice: 'push' },
    });
    repoIds.push(repo.id);
    for (let number = 1; number <= perRepo; number++) {
      const finished = Math.floor(newest - ((perRepo - number) * days * 86_400) / perRepo);
      woodpecker.addPipeline(repo, {
        number,
        event: number % 3 === 0 ? 'pull_request' : 'push',
        status: number % 8 === 0 ? 'failure' : 'success',
        created: finished - 290,
        started: finished - 287,
        finished,
      });
    }
  }
  return { url: woodpecker.url, token: woodpecker.userToken, repoIds };
}
