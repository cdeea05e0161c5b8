/**
 * One transaction's work on store and state, all or nothing: the parts that carry out requests.
 *
 * Later steps see earlier ones. The state changes only after the commit: `finish` writes everything and returns a
 * change, which the caller then applies.
 */

import { targetsOf } from '../core/poll-schedule.ts';
import type { State, StateChange } from '../core/series/state.ts';
import { surroundingsOf } from '../core/series/surroundings.ts';
import { createBufferedPipelines } from '../store/buffered-pipelines.ts';
import type { Transaction } from '../store/store.ts';
import { type CommitFirsts, createCommitFirsts } from './first-pipeline-of-commit.ts';
import { createIncidentChanges, type IncidentChanges } from './incident-changes.ts';
import { type IntakeMode, needsFirstSeen, noLimits } from './ingest-options.ts';
import { type Admission, createAdmission } from './limits.ts';
import { createMarkChanges, type MarkChanges } from './mark-changes.ts';
import { createNameHistory } from './name-history.ts';
import { createPairChanges, type PairChanges } from './pair-changes.ts';
import { createPipelineChanges, type PipelineChanges } from './pipeline-changes.ts';
import { createFollowChanges, type FollowChanges } from './poll-changes.ts';
import { createRepoChanges, type RepoChanges } from './repo-changes.ts';
import { createRepoIdentity, type RepoIdentity } from './repo-identity.ts';
import { createRoom, type Room } from './room.ts';
import { createSeriesChanges, type SeriesChanges } from './series-changes.ts';

export interface UnitOfWork {
  readonly tx: Transaction;
  /** Without the changes of this transaction. */
  readonly state: State;
  readonly mode: IntakeMode;
  /** Unix seconds. */
  readonly now: number;
  readonly repos: RepoChanges;
  readonly identity: RepoIdentity;
  readonly pipelines: PipelineChanges;
  readonly firsts: CommitFirsts;
  readonly pairs: PairChanges;
  readonly series: SeriesChanges;
  readonly follows: FollowChanges;
  readonly incidents: IncidentChanges;
  readonly marks: MarkChanges;
  readonly admission: Admission;
  readonly room: Room;
  /** Writes the remaining changes, and returns the change to apply to the state after the commit. */
  finish(): Promise<StateChange>;
}

/** `now` in Unix seconds. */
export function createUnitOfWork(
  transaction: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): UnitOfWork {
  const rows = createBufferedPipelines(transaction.pipelines);
  const tx: Transaction = { ...transaction, pipelines: rows };
  const textsSince = mode.historySeconds == null ? 0 : now - mode.historySeconds;
  const room = createRoom();
  const repos = createRepoChanges(tx, state, (repo) => series.moveGround(repo));
  const follows = createFollowChanges(tx, state, mode.policy, now);
  const marks = createMarkChanges(tx, state, room, textsSince);
  const pairs = createPairChanges(state);
  const series = createSeriesChanges(tx, state, {
    mode,
    now,
    repos,
    pairs,
    markOf: marks.get,
    surroundingsOf(key, tier) {
      const repo = repos.at(key);
      return surroundingsOf(incidents.of(repo, tier), follows.all(), targetsOf(repo), now);
    },
  });
  const names = createNameHistory(tx, now);
  const incidents = createIncidentChanges({
    tx,
    state,
    names,
    repos,
    pairs,
    series,
    room,
    policy: mode.policy.incidents,
    mostPairs: (mode.limits ?? noLimits).pairs,
    textsSince,
  });
  const admission = createAdmission(mode, { repos, pairs, markOf: marks.get, room });
  const firsts = createCommitFirsts(tx, series, needsFirstSeen(mode));
  const parts = { tx, state, mode, now, repos, pairs, series, follows, firsts, admission, incidents, marks };
  const pipelines = createPipelineChanges(parts);
  return {
    ...parts,
    pipelines,
    identity: createRepoIdentity({ ...parts, names, pipelines }),
    room,
    async finish() {
      for (const { repo, tier } of await series.flush()) incidents.judgeSharers(repos.at(repo), tier);
      const changedIncidents = await incidents.finish();
      const folded = await series.finish();
      await rows.flush();
      return {
        ...(await repos.finish()),
        ...folded,
        // Without a Woodpecker, the service never reads workflows later.
        unread: mode.canAsk ? folded.unread : new Map(),
        follows: follows.changed(),
        incidents: changedIncidents,
        marks: marks.changed(),
        ...pipelines.changed(),
      };
    },
  };
}
