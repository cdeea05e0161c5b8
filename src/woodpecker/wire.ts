/**
 * Woodpecker's JSON as servers from 2.0 to 3.17 send it. Unused fields are dropped; unknown words are accepted. The times of
 * a pipeline have the newer of their two names: `finished` (v3), not `finished_at` (v2).
 *
 * Only this file and `normalise.ts` know wire names.
 */

import { z } from 'zod';
import { longestRepoName, repoNamePattern } from '../core/repo.ts';
import { describeIssue } from '../util/validate.ts';
import { cutText, flag, longestText, seconds, text } from './wire-fields.ts';
import { workflows } from './wire-workflows.ts';

export { cutText };

const count = z.number().int().positive();

const PipelineFields = z.object({
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
export const WirePipeline = PipelineFields.transform(
  ({ created_at, updated_at, started_at, finished_at, ...wire }) => ({
    ...wire,
    created: wire.created || created_at,
    updated: wire.updated || updated_at,
    started: wire.started || started_at,
    finished: wire.finished || finished_at,
  }),
);
export type WirePipeline = z.output<typeof WirePipeline>;

/** The fields of a repo's newest pipeline that show whether it is new or changed. */
const WireNewest = PipelineFields.pick({
  id: true,
  number: true,
  status: true,
  created: true,
  created_at: true,
  updated: true,
  updated_at: true,
}).transform(({ created_at, updated_at, ...newest }) => ({
  ...newest,
  created: newest.created || created_at,
  updated: newest.updated || updated_at,
}));
export type WireNewest = z.output<typeof WireNewest>;
const NewestOrNone = WireNewest.nullish();

/** Owner and name, with at least one slash between them; groups may nest. */
export const RepoName = z
  .string()
  .max(longestRepoName)
  .regex(repoNamePattern, 'Expected owner/name')
  // Names become parts of request URLs.
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
    // An unreadable pipeline does not make its repo unreadable.
    const oddPipeline = newest.success ? null : `last_pipeline: ${newest.error.issues[0]?.message ?? ''}`;
    const newestPipeline = newest.data ?? null;
    if (fullName.success)
      return { ...repo, full_name: fullName.data, last_pipeline: newestPipeline, oddPipeline };
    context.addIssue({ code: 'custom', path: ['full_name'], message: 'Expected owner/name' });
    return z.NEVER;
  });
export type WireRepo = z.output<typeof WireRepo>;

/** An event of the stream, which may also be posted as a webhook. */
export const WireEvent = z.object({ repo: WireRepo, pipeline: WirePipeline });
export type WireEvent = z.output<typeof WireEvent>;

/** A row of the user's feed: too few fields for a record, but enough to detect a new or changed pipeline. */
export const WireFeedItem = z
  .object({
    repo_id: count.nullish(),
    id: count.nullish(),
    number: count.nullish(),
    status: text,
    finished: seconds,
    finished_at: seconds,
  })
  .transform(({ finished_at, ...item }) => ({ ...item, finished: item.finished || finished_at }));
export type WireFeedItem = z.output<typeof WireFeedItem>;

export const WireUser = z.object({ login: text, admin: flag });

/** The default body of `plugins/webhook`. Woodpecker 3 always sends the status `success`, so it is ignored. */
export const WireBuild = z.object({
  repo: z
    .object({ owner: z.string(), name: z.string() })
    .transform((repo) => `${repo.owner}/${repo.name}`)
    .pipe(RepoName),
  build: z.object({ number: count, link: text }),
});
export type WireBuild = z.output<typeof WireBuild>;

/** Shell scripts often quote numbers in JSON: both forms are accepted. */
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

/** A step's own report. An empty value means that the step's shell did not know it. */
export const StepReport = z.object({
  repo: RepoName,
  number: digits.pipe(count),
  status: reportedText,
  event: reportedText,
  branch: reportedText,
  default_branch: reportedText,
  deploy_to: reportedText,
  /** The tier that the step deployed to; if empty, the policy's rules decide. */
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

/** The repo's id in a link to a pipeline, `{root}/repos/{id}/pipeline/{number}`; `null` for other links. */
export function repoIdInLink(link: string, number: number): number | null {
  const match = /\/repos\/(\d{1,15})\/pipeline\/(\d{1,15})(?:[/?#]|$)/.exec(link);
  return match && Number(match[2]) === number ? Number(match[1]) || null : null;
}
