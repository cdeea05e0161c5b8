/**
 * The fake Woodpecker's tables: users, permissions, repos, pipelines. They outlive restarts of the server, and are the
 * oracle of a test: they contain the truth, also if the wire showed something else.
 *
 * Guarantees: returned rows never change. Writing here publishes nothing on the stream; `life-cycle.ts` does.
 */

import type { IdSource, PipelineInput } from './history.ts';
import { toPipelineRow, toWorkflows } from './history.ts';
import type { Access, Pipeline, PipelineRow, Repo, RepoRef, User, Workflow } from './model.ts';
import type { Page, PipelineEntry, PipelineFilter, PipelineTable } from './pipeline-table.ts';
import { createPipelineTable } from './pipeline-table.ts';
import { createUsers } from './users.ts';
import type { Version } from './version.ts';

export interface RepoInput {
  readonly fullName: string;
  /** The next free one by default. */
  readonly id?: number | undefined;
  readonly private?: boolean | undefined;
  /** The value of `private` by default. */
  readonly visibility?: Repo['visibility'] | undefined;
  readonly defaultBranch?: string | undefined;
  readonly active?: boolean | undefined;
  readonly forgeRemoteId?: string | undefined;
  /** Rights on the forge, each with its row in the permission table, by login. */
  readonly access?: Readonly<Record<string, Access>> | undefined;
  /** Rights on the forge without a row, as for a repo that somebody else has activated. */
  readonly forgeAccess?: Readonly<Record<string, Access>> | undefined;
}

interface RepoEntry {
  repo: Repo;
  readonly pipelines: PipelineTable;
}

function byName(a: Repo, b: Repo): number {
  return a.full_name < b.full_name ? -1 : a.full_name > b.full_name ? 1 : 0;
}

function toNames(fullName: string): Pick<Repo, 'owner' | 'name' | 'full_name'> {
  const slash = fullName.lastIndexOf('/');
  if (slash < 1) throw new Error(`Expected a full name like "owner/name", got "${fullName}"`);
  return { owner: fullName.slice(0, slash), name: fullName.slice(slash + 1), full_name: fullName };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** A plain object, except that its workflows are built at the first use. */
function toPipeline({ row, workflows }: PipelineEntry): Pipeline {
  return {
    ...row,
    get workflows() {
      return workflows();
    },
  };
}

export type Database = ReturnType<typeof createDatabase>;

export function createDatabase(deps: { readonly now: () => number; readonly version: () => Version }) {
  const users = createUsers();
  const { addUser, resetToken, user, userByToken, setAccess, access, accessTo } = users;
  const repos = new Map<number, RepoEntry>();
  /** Former full names, lower case, to repo ids. */
  const redirections = new Map<string, number>();
  let lastRepoId = 0;
  let lastPipelineId = 0;
  let lastWorkflowId = 0;
  let lastStepId = 0;

  function entryOfName(fullName: string): RepoEntry | undefined {
    const wanted = fullName.toLowerCase();
    for (const entry of repos.values()) {
      if (entry.repo.full_name.toLowerCase() === wanted) return entry;
    }
    const id = redirections.get(wanted);
    return id === undefined ? undefined : repos.get(id);
  }

  function entryOf(ref: RepoRef): RepoEntry {
    const entry =
      typeof ref === 'string' ? entryOfName(ref) : repos.get(typeof ref === 'number' ? ref : ref.id);
    if (!entry) throw new Error(`The fake has no repo ${JSON.stringify(ref)}`);
    return entry;
  }

  /** Changes fields that the forge or an administrator can change: default branch, privacy, visibility, forge id. */
  function changeRepo(ref: RepoRef, changes: Partial<Omit<Repo, 'id'>>): Repo {
    const entry = entryOf(ref);
    entry.repo = { ...entry.repo, ...changes };
    return entry.repo;
  }

  function addRepo(input: RepoInput): Repo {
    const { fullName, id = lastRepoId + 1, private: isPrivate = false } = input;
    for (const { repo } of repos.values()) {
      if (repo.full_name === fullName) throw new Error(`The fake already has a repo "${fullName}"`);
    }
    const repo: Repo = {
      ...toNames(fullName),
      id,
      forge_remote_id: input.forgeRemoteId ?? String(40 + id),
      default_branch: input.defaultBranch ?? 'main',
      private: isPrivate,
      visibility: input.visibility ?? (isPrivate ? 'private' : 'public'),
      active: input.active ?? true,
    };
    repos.set(id, { repo, pipelines: createPipelineTable() });
    lastRepoId = Math.max(lastRepoId, id);
    for (const [login, given] of Object.entries(input.access ?? {})) setAccess(login, id, given);
    for (const [login, given] of Object.entries(input.forgeAccess ?? {})) users.setRight(login, id, given);
    return repo;
  }

  /** Renames a repo. The old name redirects to it until another repo gets that name. */
  function renameRepo(ref: RepoRef, fullName: string): Repo {
    const { repo } = entryOf(ref);
    redirections.set(repo.full_name.toLowerCase(), repo.id);
    return changeRepo(repo, toNames(fullName));
  }

  /** Removes the repo with its pipelines, permissions and redirections. */
  function deleteRepo(ref: RepoRef): Repo {
    const { repo } = entryOf(ref);
    for (const login of users.logins()) setAccess(login, repo.id, null);
    for (const [name, id] of redirections) if (id === repo.id) redirections.delete(name);
    repos.delete(repo.id);
    return repo;
  }

  /** Deletes the repo and adds it again: the same name, forge id and permissions, a new id, no pipelines. */
  function reAddRepo(ref: RepoRef): Repo {
    const { repo } = entryOf(ref);
    const given = accessTo(repo.id);
    deleteRepo(repo);
    return addRepo({
      fullName: repo.full_name,
      private: repo.private,
      visibility: repo.visibility,
      defaultBranch: repo.default_branch,
      forgeRemoteId: repo.forge_remote_id,
      access: given,
    });
  }

  /** Copies the user's right on the forge into the permission table. The forge shows a public repo to anybody. */
  function syncPermission({ login }: Pick<User, 'login'>, repo: Repo): void {
    const right = users.right(login, repo.id) ?? (repo.private ? null : 'pull');
    if (right !== null) users.setRow(login, repo.id, right);
  }

  /** Writes the rows of all active repos on which the user herself has a right. */
  function syncPermissions({ login }: Pick<User, 'login'>): void {
    for (const { repo } of repos.values()) {
      if (repo.active && users.right(login, repo.id) !== null) syncPermission({ login }, repo);
    }
  }

  function activateRepo(ref: RepoRef, input: { readonly by?: string } = {}): Repo {
    const repo = changeRepo(ref, { active: true });
    if (input.by !== undefined) setAccess(input.by, repo.id, 'admin');
    return repo;
  }

  function insert({ pipelines }: RepoEntry, entry: PipelineEntry): Pipeline {
    pipelines.insert(entry);
    lastPipelineId = Math.max(lastPipelineId, entry.row.id);
    return toPipeline(entry);
  }

  /** Reserves ids for the workflows of this input, so that they do not depend on the time of the first use. */
  function takeIds({ workflows }: PipelineInput): IdSource {
    let workflowId = lastWorkflowId;
    let stepId = lastStepId;
    // The defaults are at most two workflows, and two steps for each.
    lastWorkflowId += workflows?.length ?? 2;
    lastStepId += workflows?.reduce((sum, { steps }) => sum + (steps?.length ?? 2), 0) ?? 4;
    return {
      nextWorkflow: () => ++workflowId,
      nextStep: () => ++stepId,
    };
  }

  /** Puts a pipeline of any state into the table; the stream stays silent. */
  function addPipeline(ref: RepoRef, input: PipelineInput = {}): Pipeline {
    const entry = entryOf(ref);
    const row = toPipelineRow(input, {
      repo: entry.repo,
      id: input.id ?? lastPipelineId + 1,
      number: input.number ?? entry.pipelines.highestNumber + 1,
      version: deps.version(),
      now: deps.now(),
    });
    const ids = takeIds(input);
    const version = deps.version();
    return insert(entry, { row, workflows: once(() => toWorkflows(row, input, ids, version)) });
  }

  function mustFind(ref: RepoRef, number: number): { pipelines: PipelineTable; found: PipelineEntry } {
    const { repo, pipelines } = entryOf(ref);
    const found = pipelines.find(number);
    if (!found) throw new Error(`${repo.full_name} has no pipeline ${number}`);
    return { pipelines, found };
  }

  function replace(
    ref: RepoRef,
    number: number,
    changes: (before: PipelineEntry) => PipelineEntry,
  ): Pipeline {
    const { pipelines, found } = mustFind(ref, number);
    const after = changes(found);
    pipelines.replace(after);
    return toPipeline(after);
  }

  const ids: IdSource = {
    nextWorkflow: () => ++lastWorkflowId,
    nextStep: () => ++lastStepId,
  };

  return {
    addUser,
    resetToken,
    user,
    userByToken,
    /** Grants a right on the forge, with its row in the permission table. Open streams keep their topics. */
    grant: (login: string, repo: RepoRef, given: Access = 'push'): void =>
      setAccess(login, entryOf(repo).repo.id, given),
    revoke: (login: string, repo: RepoRef): void => setAccess(login, entryOf(repo).repo.id, null),
    /** Grants a right on the forge alone. */
    grantOnForge: (login: string, repo: RepoRef, given: Access = 'push'): void =>
      users.setRight(login, entryOf(repo).repo.id, given),
    /** A login copies the user's rights on the forge into the permission table. */
    logIn: (login: string): void => syncPermissions({ login }),
    syncPermission,
    syncPermissions,
    /** The user's row of the permission table, if there is one. */
    accessOf: (who: User, repo: Repo): Access | null => access(who.login, repo.id),

    addRepo,
    changeRepo,
    renameRepo,
    deactivateRepo: (ref: RepoRef): Repo => changeRepo(ref, { active: false }),
    /** Only the user who activates it gets a row in the permission table. */
    activateRepo,
    deleteRepo,
    reAddRepo,
    /** All repos, by full name. */
    repos: (): readonly Repo[] => [...repos.values()].map(({ repo }) => repo).sort(byName),
    repo: (ref: RepoRef): Repo => entryOf(ref).repo,
    findRepo: (id: number): Repo | null => repos.get(id)?.repo ?? null,
    /** Ignores case and follows renames. */
    findRepoByName: (fullName: string): Repo | null => entryOfName(fullName)?.repo ?? null,

    addPipeline,
    /** All pipelines of a repo, by number, ascending. */
    pipelines: (ref: RepoRef): readonly Pipeline[] => entryOf(ref).pipelines.entries().map(toPipeline),
    pipeline: (ref: RepoRef, number: number): Pipeline => toPipeline(mustFind(ref, number).found),
    findPipeline(ref: RepoRef, number: number): Pipeline | null {
      const found = entryOf(ref).pipelines.find(number);
      return found && toPipeline(found);
    },
    /** Rows of a repo by number, descending. */
    listPipelines: (ref: RepoRef, page: Page, filter: PipelineFilter): readonly PipelineRow[] =>
      entryOf(ref).pipelines.list(page, filter),
    /** The one with the highest id. */
    newestPipeline(ref: RepoRef): PipelineRow | null {
      let newest: PipelineRow | null = null;
      for (const { row } of entryOf(ref).pipelines.entries()) {
        if (!newest || row.id > newest.id) newest = row;
      }
      return newest;
    },

    /** Replaces fields of a pipeline, perhaps its workflows too, and stamps `updated` unless that is among them. */
    updatePipeline: (
      ref: RepoRef,
      number: number,
      changes: Partial<Omit<PipelineRow, 'id' | 'number' | 'repo_id'>>,
      workflows?: readonly Workflow[],
    ): Pipeline =>
      replace(ref, number, (before) => ({
        row: { ...before.row, updated: deps.now(), ...changes },
        workflows: workflows ? () => workflows : before.workflows,
      })),
    /** Replaces workflows and steps. They have other tables than the pipeline, so `updated` stays. */
    updateWorkflows: (ref: RepoRef, number: number, workflows: readonly Workflow[]): Pipeline =>
      replace(ref, number, ({ row }) => ({ row, workflows: () => workflows })),
    /** Puts a row under the next number and id. */
    insertRow(row: Omit<PipelineRow, 'id' | 'number'>): Pipeline {
      const entry = entryOf(row.repo_id);
      const number = entry.pipelines.highestNumber + 1;
      return insert(entry, { row: { ...row, id: lastPipelineId + 1, number }, workflows: () => [] });
    },
    /** Its number is free again if it was the highest. */
    deletePipeline(ref: RepoRef, number: number): Pipeline {
      const { pipelines, found } = mustFind(ref, number);
      pipelines.remove(number);
      return toPipeline(found);
    },
    /** For workflows that are made while a pipeline lives. */
    ids,
  };
}
