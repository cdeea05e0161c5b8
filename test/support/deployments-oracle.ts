/**
 * An oracle of the contract "From pipelines to deployments": every figure of every pair at any moment, worked out from
 * the full list of pipelines, incidents and marks at each call. It keeps no state and shares no code with the service.
 *
 * Not included: lead times, the search before the history, counters and histograms, corrections of clocks, how alerts become
 * intervals, how a label finds its pair, messages that a forge knows, and repos that share a name.
 *
 * Readings. The contract does not define the following places; the oracle reads them so:
 *
 * Section 1
 * 1.1 "globs": `*` takes any text, a slash too; `?` takes one character. Case counts, except in repos and `deploy_to`.
 * 1.2 "A leading `!` negates a glob everywhere": order does not matter; one negated match excludes. An empty list takes
 *     nothing. Negated globs alone take an empty branch or `deploy_to` as well.
 * 1.3 "globs on the tag's name": the name is the rest of `refs/tags/…`. Without one, a rule with `tags` does not hold.
 * 1.4 "ignored once, with one reason": the first of fork, pull_request, branch, the status, no_timestamp, then what rules
 *     say.
 * 1.5 "`killed` comes first only if another tier's part was killed": a whole pipeline that was killed is such a part.
 *     Then no_parts, then not_reached. A mark "ignore" comes before all of these.
 * 1.6 "Failure if something in the part failed": only workflows and steps that ran count.
 * 1.7 "The workflow's own state is killed": a workflow with error `Canceled` is killed in any state.
 * 1.8 "`running` in an ended pipeline is killed": so is any other state of something that ran, except `success`,
 *     `failure` and `error`; `error` counts as failed.
 * 1.9 "on the oldest servers only the step says it": a step's error `Canceled`, if its workflow has no error.
 * 1.10 "It is a failure only if another workflow failed with another error": no error at all is another error.
 * 1.11 "the latest finish in the part": the latest of the workflows that ran, or of the steps that ran if the part is steps.
 * 1.12 "finished not before its workflow": if the workflow has no finish, every step finished not before it.
 * 1.13 "A rule for whole pipelines takes the pipeline, and reading ends": not if its tier was already decided.
 * 1.14 "a failing step ended it" (whole pipelines): some step of that name has an exit code other than 0. A row
 *     without workflows counts as such.
 *
 * Section 2
 * 2.1 "later", "just before", "next", "first": by finish, then number.
 * 2.2 "successful deployment": the outcome of the part or pipeline; causes and marks do not change it.
 * 2.3 "if there is none within the limit": the failed one is the first such deployment that lies within the limit. One
 *     that is too old is passed over.
 * 2.4 All limits run from finish to finish and include the limit itself.
 * 2.5 "A rollback undoes every commit deployed between these two": of successful deployments between the last earlier
 *     one of R's commit and R, rollbacks included. A commit is undone until it is deployed successfully once more.
 * 2.6 "H is the pair's first successful deployment of its commit": an empty commit is always the first.
 * 2.7 "says `This reverts commit <sha>` or `revert <sha>`": case does not count; one space; anywhere in the message. Each
 *     commit named is taken.
 * 2.8 "`Revert "Revert`, `Reapply` and `revert revert` are no reverts": if the message begins so. The rework rules may
 *     still take it.
 * 2.9 "the deployment that first brought that commit": the first successful one of the pair before H.
 * 2.10 "neither a rollback nor a revert": a revert is any deployment whose message names a reverted commit (2.7).
 * 2.11 "linked: null": nothing is linked, and such a message is judged by rule.
 * 2.12 Rework rules (`^revert`): regular expressions without regard to case, as git itself writes `Revert`.
 * 2.13 "a linked fix" (rework): one that fails some deployment; with an unknown or too old one it is none.
 * 2.14 "that had *started* when the incident started": at the same second counts.
 * 2.15 "starts while another incident is open, counts and is not stale": open from its start until before its end; it
 *     counts if it belongs to a deployment, a deployment marked fine too; stale is judged at that start.
 * 2.16 "An alert that was not repeated for `incidents.stale`": more than `stale` after the latest receipt. Plain reports
 *     never are stale. A stale alert still fails its deployment. If all incidents of it are stale, the other causes tell
 *     the end; without any, there is no interval.
 * 2.17 "the mark's `recovered`" and other ends later than t: open at t.
 * 2.18 "Default: every tier that a rule names, never default_tier": a glob that is given may take the default tier.
 * 2.19 "follow the outcome of pipelines (or parts) alone": a deployment marked "ignore" is none, so it is left out.
 * 2.20 "the mark … 'failed'": adds the cause operator; the causes that are found stay.
 * 2.21 "A window's figure counts what finished inside it": after t minus the window, until t inclusive. A recovery goes
 *     by the end of its episode in the same way.
 * 2.22 "If nothing is looked for": no rework rules, no rollbacks, no linked fixes in the tier.
 * 2.23 "the latest that its causes give": the latest of all rollbacks, fixes and the next success.
 *
 * Section 5
 * 5.1 Start, and finish of a part or pipeline, are the agent's; `updated` is the server's. A negative one is not observed.
 */

import { type PairFigures, pairFigures } from './deployments-oracle/pair.ts';
import { endOf, reasonBeforeRules, reasonOfVerdicts, verdictsOf } from './deployments-oracle/parts.ts';
import type { Deployment, Mark, Pipeline, Reason, World } from './deployments-oracle/types.ts';

export type { DeploymentFacts, PairFigures, WindowFigures } from './deployments-oracle/pair.ts';
export type * from './deployments-oracle/types.ts';

/** The result of one pipeline: the tiers in which it is a deployment, or the reason why it is a deployment in none. */
export interface Classified {
  repo: string;
  number: number;
  tiers: string[];
  reason: Reason | null;
}

export interface Answer {
  pipelines: Classified[];
  pairs: PairFigures[];
}

/** All results of the world at the time t. */
export function figuresAt(world: World, t: number): Answer {
  const judged = world.pipelines.map((pipeline) => judge(pipeline, world, t));
  const deployments = judged.flatMap((one) => one.deployments);
  const pairs = new Map<string, Deployment[]>();
  for (const deployment of deployments) {
    const key = JSON.stringify([deployment.repo, deployment.tier]);
    pairs.set(key, [...(pairs.get(key) ?? []), deployment]);
  }
  return {
    pipelines: judged.map((one) => one.classified).sort(byRepoAndNumber),
    pairs: [...pairs.keys()].sort().map((key) => pairFigures(pairs.get(key) ?? [], world, t)),
  };
}

const byRepoAndNumber = (a: Classified, b: Classified) =>
  a.repo < b.repo ? -1 : a.repo > b.repo ? 1 : a.number - b.number;

function judge(pipeline: Pipeline, world: World, t: number) {
  const { repo, number } = pipeline;
  const answer = (deployments: Deployment[], reason: Reason | null) => ({
    deployments,
    classified: {
      repo,
      number,
      tiers: deployments.map((one) => one.tier).sort(),
      reason,
    } satisfies Classified,
  });
  const early = reasonBeforeRules(pipeline, t, branchesOf(world, repo));
  const end = endOf(pipeline);
  if (early !== null || end === null) return answer([], early ?? 'no_timestamp');

  const verdicts = verdictsOf(pipeline, end, world.policy);
  const found = verdicts.flatMap(({ tier, verdict, start, finish, duration }): Deployment[] => {
    if (verdict !== 'success' && verdict !== 'failure') return [];
    return [
      {
        repo,
        tier,
        pipeline,
        outcome: verdict,
        start,
        finish,
        duration,
        mark: markOf(world, pipeline, tier),
      },
    ];
  });
  const counting = found.filter((deployment) => deployment.mark?.mark !== 'ignore');
  if (counting.length > 0) return answer(counting, null);
  return answer([], found.length > 0 ? 'operator' : reasonOfVerdicts(verdicts));
}

/** The branches that count: all that were ever told to be the repo's default branch. null: any. */
function branchesOf({ policy, pipelines }: World, repo: string): string[] | null {
  if (!policy.default_branches_only) return null;
  return pipelines.filter((one) => one.repo === repo).map((one) => one.default_branch);
}

function markOf(world: World, pipeline: Pipeline, tier: string): Mark | null {
  const { repo, number } = pipeline;
  return (
    world.marks.find((mark) => mark.repo === repo && mark.number === number && mark.tier === tier) ?? null
  );
}
