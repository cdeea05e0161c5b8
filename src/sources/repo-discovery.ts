/** Which repos there are: asks Woodpecker, tells the store, and refuses to mix two servers in one database. */

import { isWatched } from '../core/classification.ts';
import { nameKey, type Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import type { WoodpeckerClient } from '../woodpecker/client.ts';
import { toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireRepo } from '../woodpecker/wire.ts';

/** The server has given ids that are known to other repos: it was rebuilt, or is another one. */
export class WoodpeckerReplaced extends Error {
  override name = 'WoodpeckerReplaced';
}

export interface Discovery {
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
}

/** The repos that the token reaches and the policy watches. Rejects with `WoodpeckerReplaced` or as the client does. */
export async function discoverRepos(
  { ingest, client, clock }: Discovery,
  signal: AbortSignal,
): Promise<Repo[]> {
  const { admin } = await client.user(signal);
  const found = (await client.repos(admin, signal)).filter(
    (wire) => wire.active !== false && isWatched(ingest.mode.policy, wire.full_name),
  );
  refuseReplaced(ingest.state, found);
  return ingest.submit(async (uow) => {
    const repos: Repo[] = [];
    for (const wire of found) {
      const facts = toRepoFacts(wire, nowSeconds(clock));
      if (uow.admitsRepo(facts)) repos.push(await uow.repoOf(facts));
    }
    return repos;
  });
}

/** Throws `WoodpeckerReplaced` where an id now means another repo of the forge, under another name. */
export function refuseReplaced(state: State, found: readonly WireRepo[]): void {
  for (const wire of found) {
    const known = wire.id ? state.repoById(wire.id) : null;
    if (!known?.forgeRemoteId || !wire.forge_remote_id || wire.forge_remote_id === '0') continue;
    if (known.forgeRemoteId === wire.forge_remote_id) continue;
    if (nameKey(known.fullName) === nameKey(wire.full_name)) continue;
    throw new WoodpeckerReplaced(
      `Woodpecker's repo ${wire.id} was "${known.fullName}" and is now "${wire.full_name}", another repo on the forge: ` +
        'this is another or a rebuilt Woodpecker. Give it a database of its own (DORA_DATABASE), or move the old one away',
    );
  }
}
