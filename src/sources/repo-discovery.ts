/** Reads lists of repos from Woodpecker, stores changes, and refuses to mix two servers in one database. */

import { isWatched } from '../core/classification.ts';
import { nameKey, type Repo, type RepoFacts } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { LearntRepo } from '../ingest/requests/repos.ts';
import { createEventLoopYield, nowSeconds } from '../util/clock.ts';
import { toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireRepo } from '../woodpecker/wire.ts';
import type { Dependencies } from './dependencies.ts';

/** An id means another repo than before: the server was rebuilt, or is another one. */
export class WoodpeckerReplaced extends Error {
  override name = 'WoodpeckerReplaced';
}

/** Most repos in one transaction. */
const sliceSize = 200;

/**
 * Reads and stores the list of the token's user, or of the server if the user is an administrator. Returns the watched repos
 * in it. Rejects with `WoodpeckerReplaced`, or as the client and the store do.
 */
export async function discoverRepos(
  { ingest, client, clock }: Pick<Dependencies, 'ingest' | 'client' | 'clock'>,
  signal: AbortSignal,
): Promise<Repo[]> {
  const { admin } = await client.user(signal);
  const { rows } = await client.repos(admin, signal);
  await learnRepos({ ingest, clock }, rows);
  const ids = new Set(rows.filter((wire) => isWanted(ingest, wire)).map((wire) => wire.id));
  return [...ingest.state.repos.values()].filter((repo) => ids.has(repo.woodpeckerId));
}

/**
 * Stores the watched repos of a list, in slices. Calls `onStored` with the new and changed repos of each stored slice.
 * Writes nothing for an unchanged repo. Rejects with `WoodpeckerReplaced`, or with `StoreUnavailable`: the slices before
 * are stored then.
 */
export async function learnRepos(
  { ingest, clock }: Pick<Dependencies, 'ingest' | 'clock'>,
  wires: readonly WireRepo[],
  onStored: (learnt: readonly LearntRepo[]) => void = () => undefined,
): Promise<void> {
  const asOf = nowSeconds(clock);
  const yieldToEventLoop = createEventLoopYield();
  const listed: RepoFacts[] = [];
  for (const wire of wires) {
    await yieldToEventLoop();
    if (!isWanted(ingest, wire)) continue;
    refuseReplaced(ingest.state, wire);
    listed.push(toRepoFacts(wire, asOf));
  }
  for (let at = 0; at < listed.length; at += sliceSize) {
    const slice = listed.slice(at, at + sliceSize);
    const stored = await ingest.submit({ kind: 'repos', repos: slice });
    onStored(stored.filter(({ before, after }) => after !== before));
  }
}

function isWanted(ingest: Ingest, wire: WireRepo): boolean {
  return Boolean(wire.id) && wire.active !== false && isWatched(ingest.mode.policy, wire.full_name);
}

/** Throws `WoodpeckerReplaced` if a known id now has both another id on the forge and another name. */
export function refuseReplaced(state: State, wire: WireRepo): void {
  const known = wire.id ? state.repoById(wire.id) : null;
  if (!known?.forgeRemoteId || !wire.forge_remote_id || wire.forge_remote_id === '0') return;
  if (known.forgeRemoteId === wire.forge_remote_id) return;
  if (nameKey(known.fullName) === nameKey(wire.full_name)) return;
  throw new WoodpeckerReplaced(
    `Woodpecker's repo ${wire.id} was "${known.fullName}" and is now "${wire.full_name}", another repo on the forge: ` +
      'this is another or a rebuilt Woodpecker. Give it a database of its own (DORA_DATABASE), or move the old one away',
  );
}
