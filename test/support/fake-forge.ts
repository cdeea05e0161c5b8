/**
 * A forge for tests: a real HTTP server on 127.0.0.1 with graphs of commits. On the routes that the exporter uses, it
 * answers as Forgejo, Gitea, a GitHub server or GitLab does: shapes, pages, errors, tokens, limits, renames, tag objects.
 * Tests write history, break the network, and compare with the graph.
 *
 * It has no randomness. It does not imitate files, diffs, branches, signatures, users, or any route that writes.
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
  /** Root path of all routes, such as `/git`; none by default. */
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
    /** The value for `DORA_FORGE_URL`. */
    url: server.url,
    get requests() {
      return server.requests;
    },
    clearRequests: server.clearRequests,

    /** Adds a repo, private by default: without the token, the forge answers that it does not exist. Returns its id. */
    addRepo(fullName: string, { isPrivate = true }: { readonly isPrivate?: boolean } = {}): number {
      return repos.add(fullName, isPrivate);
    },
    /** Renames a repo. The old name redirects to the new one. */
    renameRepo: repos.rename,
    deleteRepo: repos.delete,
    /** Hides a repo from all tokens: every path answers that it does not exist. */
    hideRepo: (fullName: string): void => repos.setHidden(fullName, true),
    showRepo: (fullName: string): void => repos.setHidden(fullName, false),
    /** Adds a commit, and returns its id. */
    commit(repo: string, input: CommitInput): string {
      return repos.byName(repo).graph.add(input);
    },
    /** Adds an annotated tag, of a commit or of another tag. Returns the id of the tag object. */
    tag(repo: string, input: TagInput): string {
      return repos.byName(repo).graph.addTag(input);
    },
    /** Number of commits of a repo. */
    size: (repo: string): number => repos.byName(repo).graph.size(),
    /** Removes a commit, as a forced push and a garbage collection do. */
    forget(repo: string, id: string): void {
      repos.byName(repo).graph.forget(id);
    },
    /** Adds a fault. Faults apply in the order in which they were added. */
    fault: faults.fault,
    clearFaults: faults.clearFaults,
    /** Refuses requests as too many, for this time. */
    limitRate({ seconds, times }: { readonly seconds: number; readonly times?: number }): FaultHandle {
      return faults.fault({ answer: answers.limited(seconds), ...(times !== undefined && { times }) });
    },

    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}
