/**
 * Woodpecker's JSON as its servers from 2.0 to 3.17 send it: only the fields that are used, unknown ones dropped, unknown
 * words let through. Both generations of names are read: `finished_at` (v2) and `finished` (v3).
 *
 * The only place, with `normalise.ts`, that knows wire names.
 */

import { z } from 'zod';
import { longestRepoName, repoNamePattern } from '../core/repo.ts';
import { describeIssue } from '../util/validate.ts';
import { cutText, flag, longestText, seconds, text } from './wire-fields.ts';
import { workflows } from './wire-workflows.ts';

export { cutText };

const count = z.number().int().positive();

export const WirePipeline = z.object({
  id: count.nullish(),
  number: count,
  status: text,
  event: text,
  branch: text,
  ref: text,
  parent: z.number().int().nonnegative().nullish(),
  deploy_to: text,
  commit: text,
  message: text,
  from_fork: flag,
  created: seconds,
  created_at: seconds,
  updated: seconds,
  updated_at: seconds,
  started: seconds,
  started_at: seconds,
  finished: seconds,
  finished_at: seconds,
  cancel_info: z.object({ canceled_by_step: text }).nullish(),
  version: text,
  workflows,
});
export type WirePipeline = z.output<typeof WirePipeline>;

/** Of a repo's newest pipeline: enough to see whether it is known. */
const WireNewest = WirePipeline.pick({
  id: true,
  number: true,
  status: true,
  created: true,
  created_at: true,
  updated: true,
  updated_at: true,
});
export type WireNewest = z.output<typeof WireNewest>;
const NewestOrNone = WireNewest.nullish();

/** Unix seconds, by either name; 0 if not told. */
export function createdAt(row: Pick<WirePipeline, 'created' | 'created_at'>): number {
  return row.created || row.created_at;
}

/** Owner and name, with at least one slash between; groups may nest. */
export const RepoName = z
  .string()
  .max(longestRepoName)
  .regex(repoNamePattern, 'Expected owner/name')
  // Names become parts of addresses that are asked for.
  .refine((name) => !name.split('/').some((part) => part === '.' || part === '..'), 'Expected owner/name')
  .transform((name) => name.toWellFormed());

export const WireRepo = z
  .object({
    id: count.nullish(),
    forge_remote_id: text,
    full_name: RepoName.nullish(),
    owner: text,
    name: text,
    default_branch: text,
    private: flag,
    active: z.boolean().nullish(),
    /** The newest pipeline, in a user's list from 3.1 on. */
    last_pipeline: z.unknown().optional(),
  })
  .transform((repo, context) => {
    const fullName = RepoName.safeParse(repo.full_name ?? `${repo.owner}/${repo.name}`);
    const newest = NewestOrNone.safeParse(repo.last_pipeline, { error: describeIssue });
    // A pipeline that cannot be read does not take its repo along.
    const oddPipeline = newest.success ? null : `last_pipeline: ${newest.error.issues[0]?.message ?? ''}`;
    const newestPipeline = newest.data ?? null;
    if (fullName.success)
      return { ...repo, full_name: fullName.data, last_pipeline: newestPipeline, oddPipeline };
    context.addIssue({ code: 'custom', path: ['full_name'], message: 'Expected owner/name' });
    return z.NEVER;
  });
export type WireRepo = z.output<typeof WireRepo>;

/** What the event stream sends, and what may be posted as it is. */
export const WireEvent = z.object({ repo: WireRepo, pipeline: WirePipeline });
export type WireEvent = z.output<typeof WireEvent>;

/** A row of the user's feed: too little for a record, enough to see that there is news. */
export const WireFeedItem = z.object({
  repo_id: count.nullish(),
  id: count.nullish(),
  number: count.nullish(),
  status: text,
  finished: seconds,
  finished_at: seconds,
});
export type WireFeedItem = z.output<typeof WireFeedItem>;

export const WireUser = z.object({ login: text, admin: flag });

/** The default body of `plugins/webhook`; its status is always `success` on Woodpecker 3, so it is not read. */
export const WireBuild = z.object({
  repo: z
    .object({ owner: z.string(), name: z.string() })
    .transform((repo) => `${repo.owner}/${repo.name}`)
    .pipe(RepoName),
  build: z.object({ number: count, link: text }),
});
export type WireBuild = z.output<typeof WireBuild>;

/** A shell puts numbers into JSON as text easily enough; both are read. */
const digits = z.union([
  z.number().int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,15}$/, 'Expected a whole number')
    .transform(Number),
]);
const reportedSeconds = z
  .union([digits, z.literal('')], 'Expected Unix seconds')
  .nullish()
  .transform((value) => value || 0);
const reportedText = z
  .string()
  .nullish()
  .transform((value) => cutText(value ?? '', longestText) || null);

/** A step's own report. An empty value is one that the step's shell did not have. */
export const StepReport = z.object({
  repo: RepoName,
  number: digits.pipe(count),
  status: reportedText,
  event: reportedText,
  branch: reportedText,
  default_branch: reportedText,
  deploy_to: reportedText,
  /** The tier that the step deployed to; empty: the policy's rules say. */
  tier: reportedText,
  /** Name of the pipeline's tag. */
  tag: reportedText,
  commit: reportedText,
  url: reportedText,
  started: reportedSeconds,
  finished: reportedSeconds,
  commit_time: reportedSeconds,
});
export type StepReport = z.output<typeof StepReport>;

/** The repo's id in a link to one of its pipelines, `{root}/repos/{id}/pipeline/{number}`; `null` where there is none. */
export function repoIdInLink(link: string, number: number): number | null {
  const match = /\/repos\/(\d{1,15})\/pipeline\/(\d{1,15})(?:[/?#]|$)/.exec(link);
  return match && Number(match[2]) === number ? Number(match[1]) || null : null;
}
