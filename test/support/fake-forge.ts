/**
 * A forge for tests: a real HTTP server on 127.0.0.1 that holds graphs of commits and answers, on the routes that the
 * exporter asks, as Forgejo, Gitea, GitHub (a server of one's own) or GitLab does: shapes, pages, errors, tokens, limits,
 * renames, tag objects. Tests write history, break the network, and compare with the graph.
 *
 * Nothing in it is random. Does not imitate files, diffs, branches, signatures, users, and every route that writes.
 *
 *     await using forge = await startFakeForge({ kind: 'gitlab' });
 *     forge.addRepo('acme/shop');
 *     const first = forge.commit('acme/shop', { committedAt: 1_785_000_000 });
 *     const second = forge.commit('acme/shop', { parents: [first], committedAt: 1_785_000_060 });
 *     forge.fault({ answer: { status: 502 }, times: 2 });
 */

import type { ForgeKind } from '../../src/forge/create-forge.ts';
import { type GiteaQuirks, giteaAnswers } from './fake-forge/gitea.ts';
import { githubAnswers } from './fake-forge/github.ts';
import { gitlabAnswers } from './fake-forge/gitlab.ts';
import type { CommitInput, TagInput } from './fake-forge/graph.ts';
import { createRepos } from './fake-forge/repos.ts';
import { startServer } from './fake-forge/server.ts';
import { createFaults, type FaultHandle } from './fake-woodpecker/faults.ts';

export type { CommitInput, TagInput } from './fake-forge/graph.ts';
export type { ForgeRequest } from './fake-forge/server.ts';
export type { Fault, FaultAnswer, FaultHandle } from './fake-woodpecker/faults.ts';

export interface FakeForgeOptions extends GiteaQuirks {
  readonly kind: ForgeKind;
  /** Path that everything lives below, such as `/git`; none by default. */
  readonly rootPath?: string;
}

export type FakeForge = Awaited<ReturnType<typeof startFakeForge>>;

export async function startFakeForge({ kind, rootPath = '', ...quirks }: FakeForgeOptions) {
  const token = 'token-of-the-forge';
  const publicOnlyToken = 'token-for-public-repos';
  const repos = createRepos();
  const faults = createFaults();
  const answers = {
    forgejo: () => giteaAnswers(quirks),
    gitea: () => giteaAnswers(quirks),
    github: () => githubAnswers,
    gitlab: () => gitlabAnswers,
  }[kind]();
  const server = await startServer({ rootPath, token, publicOnlyToken, repos, faults, answers });

  return {
    kind,
    token,
    /** Forgejo and Gitea answer 403 to it if the repo is private. */
    publicOnlyToken,
    /** What `DORA_FORGE_URL` is to be. */
    url: server.url,
    get requests() {
      return server.requests;
    },
    clearRequests: server.clearRequests,

    /** Private by default: without the token there is no such repo. Returns its id. */
    addRepo(fullName: string, { isPrivate = true }: { readonly isPrivate?: boolean } = {}): number {
      return repos.add(fullName, isPrivate);
    },
    /** The old name leads to the new one from now on. */
    renameRepo: repos.rename,
    deleteRepo: repos.delete,
    /** From now on no token may read the repo: every path answers that there is none. */
    hideRepo: (fullName: string): void => repos.setHidden(fullName, true),
    showRepo: (fullName: string): void => repos.setHidden(fullName, false),
    /** Returns its id. */
    commit(repo: string, input: CommitInput): string {
      return repos.byName(repo).graph.add(input);
    },
    /** Adds an annotated tag, of a commit or of another tag. Returns the id of the tag object. */
    tag(repo: string, input: TagInput): string {
      return repos.byName(repo).graph.addTag(input);
    },
    /** How many commits a repo has. */
    size: (repo: string): number => repos.byName(repo).graph.size(),
    /** A commit is no longer there, as after a forced push and a collection of garbage. */
    forget(repo: string, id: string): void {
      repos.byName(repo).graph.forget(id);
    },
    /** What goes wrong from now on; its order is that in which it was asked for. */
    fault: faults.fault,
    clearFaults: faults.clearFaults,
    /** The next requests are too many, for so long. */
    limitRate({ seconds, times }: { readonly seconds: number; readonly times?: number }): FaultHandle {
      return faults.fault({ answer: answers.limited(seconds), ...(times !== undefined && { times }) });
    },

    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}
