/**
 * The form of rows for a client of a given Woodpecker version: field names, fields that a version does not have yet, and
 * Go's `omitempty`. Guarantees that every message has a shape of this version's API description. Does not know rights.
 */

import type { Pipeline, PipelineRow, Repo, Step, User, Workflow } from './model.ts';
import type { Version } from './version.ts';
import { releaseTitleOf, tagOf } from './words.ts';

export type Json = Record<string, unknown>;

/** The target: REST rewrites some fields that the stream sends as they are stored. */
export type Channel = 'rest' | 'stream';

function isZero(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

/** Go's `omitempty`. */
function withoutZeros(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isZero(value)));
}

function toWireStep(step: Step, version: Version): Json {
  const isV3 = version.atLeast(3, 0);
  return {
    id: step.id,
    uuid: step.uuid,
    pipeline_id: step.pipeline_id,
    pid: step.pid,
    ppid: step.ppid,
    name: step.name,
    state: step.state,
    exit_code: step.exit_code,
    ...withoutZeros({
      error: step.error,
      [isV3 ? 'started' : 'start_time']: step.started,
      [isV3 ? 'finished' : 'end_time']: step.finished,
      type: step.type,
    }),
  };
}

function toWireWorkflow(workflow: Workflow, version: Version): Json {
  const isV3 = version.atLeast(3, 0);
  return {
    id: workflow.id,
    pipeline_id: workflow.pipeline_id,
    pid: workflow.pid,
    name: workflow.name,
    state: workflow.state,
    ...withoutZeros({
      error: workflow.error,
      [isV3 ? 'started' : 'start_time']: workflow.started,
      [isV3 ? 'finished' : 'end_time']: workflow.finished,
      agent_id: workflow.agent_id,
      platform: workflow.platform,
      children: workflow.children.map((step) => toWireStep(step, version)),
    }),
  };
}

/** REST's text in place of the stored one if the event has no commit message (3.14 and later). */
function rewrittenWords(row: PipelineRow): Json {
  if (row.event === 'cron') return { message: row.cron, sender: row.cron };
  if (row.event === 'tag') return { message: `created tag ${tagOf(row)}` };
  if (row.event === 'release')
    return { title: releaseTitleOf(row), message: `created release ${releaseTitleOf(row)}` };
  return {};
}

/** Further fields of a tag or release in 3.17. */
function tagWords(row: PipelineRow): Json {
  if (row.event === 'tag') return { tag_title: tagOf(row) };
  if (row.event !== 'release') return {};
  const release = { title: releaseTitleOf(row), ...withoutZeros({ is_prerelease: row.is_prerelease }) };
  return { release, tag_title: tagOf(row) };
}

/** A pipeline with its workflows if it has been given any. */
export function toWirePipeline(pipeline: PipelineRow | Pipeline, version: Version, channel: Channel): Json {
  const isV3 = version.atLeast(3, 0);
  const since = (major: number, minor: number, fields: Json): Json =>
    version.atLeast(major, minor) ? fields : {};
  const row = pipeline;
  const workflows = 'workflows' in pipeline ? pipeline.workflows : [];
  const hasPrerelease = version.atLeast(2, 3) && (channel === 'rest' || !version.atLeast(3, 17));
  return {
    id: row.id,
    number: row.number,
    author: row.author,
    parent: row.parent,
    event: row.event,
    ...since(3, 10, { event_reason: row.event_reason }),
    status: row.status,
    errors: row.errors,
    [isV3 ? 'created' : 'created_at']: row.created,
    [isV3 ? 'updated' : 'updated_at']: row.updated,
    [isV3 ? 'started' : 'started_at']: row.started,
    [isV3 ? 'finished' : 'finished_at']: row.finished,
    deploy_to: row.deploy_to,
    ...since(2, 5, { deploy_task: row.deploy_task }),
    commit: row.commit,
    branch: row.branch,
    ...since(3, 15, { rerun_count: row.rerun_count }),
    ref: row.ref,
    refspec: row.refspec,
    author_avatar: row.author_avatar,
    forge_url: row.forge_url,
    reviewed_by: row.reviewed_by,
    [isV3 ? 'reviewed' : 'reviewed_at']: row.reviewed,
    ...since(3, 14, {
      version: row.version,
      ...withoutZeros({ cancel_info: row.cancel_info, cron: row.cron }),
    }),
    ...since(3, 17, tagWords(row)),
    title: row.title,
    message: row.message,
    timestamp: row.timestamp,
    sender: row.sender,
    author_email: row.author_email,
    ...(channel === 'rest' ? since(3, 14, rewrittenWords(row)) : {}),
    ...since(2, 8, withoutZeros({ from_fork: row.from_fork })),
    ...withoutZeros({
      changed_files: row.changed_files,
      pr_labels: row.pr_labels,
      is_prerelease: hasPrerelease && row.is_prerelease,
      workflows: [...workflows]
        .sort((a, b) => a.pid - b.pid)
        .map((workflow) => toWireWorkflow(workflow, version)),
    }),
  };
}

export function toWireRepo(repo: Repo, version: Version): Json {
  const since = (major: number, minor: number, fields: Json): Json =>
    version.atLeast(major, minor) ? fields : {};
  const forge = `https://git.example.com/${repo.full_name}`;
  return {
    id: repo.id,
    forge_id: 1,
    forge_remote_id: repo.forge_remote_id,
    org_id: 2,
    owner: repo.owner,
    name: repo.name,
    full_name: repo.full_name,
    avatar_url: `https://git.example.com/avatars/${repo.owner}`,
    forge_url: forge,
    clone_url: `${forge}.git`,
    clone_url_ssh: `git@git.example.com:${repo.full_name}.git`,
    default_branch: repo.default_branch,
    pr_enabled: true,
    timeout: 60,
    visibility: repo.visibility,
    private: repo.private,
    ...(version.atLeast(3, 0)
      ? { trusted: { network: false, volumes: false, security: false }, netrc_trusted: null }
      : { trusted: false, scm: 'git', netrc_only_trusted: true }),
    ...(version.atLeast(2, 8) ? { require_approval: 'forks' } : { gated: false }),
    active: repo.active,
    allow_pr: true,
    allow_deploy: true,
    config_file: '',
    cancel_previous_pipeline_events: ['push', 'pull_request'],
    ...since(3, 12, { config_extension_endpoint: '' }),
    ...since(3, 14, {
      config_extension_exclusive: false,
      config_extension_netrc: false,
      registry_extension_endpoint: '',
      registry_extension_netrc: false,
      secret_extension_endpoint: '',
      secret_extension_netrc: false,
    }),
    ...since(3, 17, { approval_allowed_users: null }),
  };
}

export function toWireUser(user: User, version: Version): Json {
  return {
    id: user.id,
    forge_id: 1,
    ...(version.atLeast(3, 17) && { forge_remote_id: String(user.id) }),
    login: user.login,
    email: `${user.login}@example.com`,
    avatar_url: `https://git.example.com/avatars/${user.login}`,
    org_id: 2,
    ...withoutZeros({ admin: user.admin }),
  };
}

/** One entry of a user's feed. Its commit is a famous mistake of the 2.x servers: the name of the column. */
export function toWireFeed(row: PipelineRow, repo: Repo, version: Version): Json {
  const isV3 = version.atLeast(3, 0);
  return {
    repo_id: row.repo_id,
    ...withoutZeros({
      full_name: version.atLeast(3, 14) && repo.full_name,
      id: row.id,
      number: row.number,
      event: row.event,
      status: row.status,
      [isV3 ? 'created' : 'created_at']: row.created,
      [isV3 ? 'started' : 'started_at']: row.started,
      [isV3 ? 'finished' : 'finished_at']: row.finished,
      commit: isV3 ? row.commit : 'pipelines.commit',
      branch: row.branch,
      ref: row.ref,
      refspec: row.refspec,
      title: row.title,
      message: row.message,
      author: row.author,
      author_avatar: row.author_avatar,
      author_email: row.author_email,
    }),
  };
}
