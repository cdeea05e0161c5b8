/**
 * Woodpecker's JSON as its servers from 2.0 to 3.17 send it: only the fields that are used, unknown ones dropped, unknown
 * words let through. Both generations of names are read: `finished_at` (v2) and `finished` (v3).
 *
 * The only place, with `normalise.ts`, that knows wire names.
 */

import { z } from 'zod';
import { describeIssue } from '../util/validate.ts';

const longestText = 1024;

/** Unix seconds; 0, negative, null and absent all mean "not set". */
const seconds = z
  .number()
  .int()
  .nullish()
  .transform((value) => (value && value > 0 ? value : 0));
const text = z
  .string()
  .nullish()
  .transform((value) => cutText(value ?? '', longestText));
const count = z.number().int().positive();
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const span = {
  started: seconds,
  start_time: seconds,
  finished: seconds,
  end_time: seconds,
};

/**
 * At most `most` UTF-16 code units of the text, as well-formed Unicode, so that it is the same again when read back from
 * a store. A copy where it is cut: a slice would hold on to all that it was cut from.
 */
export function cutText(value: string, most: number): string {
  return value.length > most ? Buffer.from(value.slice(0, most)).toString() : value.toWellFormed();
}

/** More than any pipeline has. */
const mostWorkflows = 500;
const mostSteps = 500;

/** A list that is given up at the first item that is wrong: a hostile one could be wrong in very many places. */
function listOf<T>(item: z.ZodType<T>, most: number) {
  return z
    .unknown()
    .optional()
    .transform((raw, context): readonly T[] | null => {
      if (raw === null || raw === undefined) return null;
      if (!Array.isArray(raw) || raw.length > most) {
        context.addIssue({ code: 'custom', message: `Expected a list of at most ${most}` });
        return z.NEVER;
      }
      const items: T[] = [];
      for (const [index, one] of raw.entries()) {
        const parsed = item.safeParse(one, { error: describeIssue });
        if (!parsed.success) {
          const { path = [], message = '' } = parsed.error.issues[0] ?? {};
          context.addIssue({ code: 'custom', path: [index, ...path], message });
          return z.NEVER;
        }
        items.push(parsed.data);
      }
      return items;
    });
}

const WireStep = z.object({ state: text, ...span });

const WireWorkflow = z.object({
  state: text,
  error: text,
  ...span,
  children: listOf(WireStep, mostSteps),
});

export const WirePipeline = z.object({
  id: count.nullish(),
  number: count,
  status: text,
  event: text,
  branch: text,
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
  workflows: listOf(WireWorkflow, mostWorkflows),
});
export type WirePipeline = z.output<typeof WirePipeline>;

/** Unix seconds, by either name; 0 where not told. */
export function createdAt(row: WirePipeline): number {
  return row.created || row.created_at;
}

/** Owner and name, with at least one slash between; groups may nest. */
export const RepoName = z
  .string()
  .max(512)
  // Neither control characters nor those that turn the direction of writing.
  .regex(/^[^\s/\p{Cc}\p{Cf}]+(\/[^\s/\p{Cc}\p{Cf}]+)+$/u, 'Expected owner/name')
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
    /** Of the newest pipeline, in a user's list from 3.1 on. */
    last_pipeline: WirePipeline.nullish(),
  })
  .transform((repo, context) => {
    const fullName = RepoName.safeParse(repo.full_name ?? `${repo.owner}/${repo.name}`);
    if (fullName.success) return { ...repo, full_name: fullName.data };
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
