/**
 * Problems with the forge: logs each change once, and sets the time of the next try.
 *
 * A repo that the forge does not show may be deleted, or the token may have no right to read it. Each such repo is logged
 * once, and tried again after growing pauses.
 */

import type { ForgeUnavailable } from '../forge/forge.ts';
import { createBackoff } from './backoff.ts';
import type { Dependencies } from './dependencies.ts';

export interface ForgeTroubles {
  noteFailure(repo: number, error: ForgeUnavailable): void;
  noteAnswer(repo: number): void;
  /** Whether the last lookup of the repo failed. */
  has(repo: number): boolean;
  /** Time of the next try, in Unix milliseconds; 0: now. */
  dueAt(repo: number): number;
  /** Makes the repos due that the forge did not show. */
  retryMissing(): void;
  /** Forgets all other repos. */
  keepOnly(repos: () => ReadonlySet<number>): void;
  /** Problems and remedies, as logged. */
  readonly messages: readonly string[];
}

interface ForgeTroublesOptions extends Pick<Dependencies, 'clock' | 'log'> {
  readonly nameOf: (repo: number) => string | undefined;
}

const failurePauses = { firstMs: 5_000, longestMs: 600_000 };
const missingPauses = { firstMs: 30_000, longestMs: 3_600_000 };
const mostMessages = 10;

export function createForgeTroubles({ clock, log, nameOf }: ForgeTroublesOptions): ForgeTroubles {
  const failures = createBackoff(clock, failurePauses);
  const missing = createBackoff(clock, missingPauses);
  /** The message for each repo that the forge does not show, by key of the repo. */
  const missingMessages = new Map<number, string>();
  /** The message for the whole forge; `null`: it answers. */
  let forgeMessage: string | null = null;

  const noteMissing = (repo: number, { message }: ForgeUnavailable): void => {
    missing.noteFailure(repo);
    if (!missingMessages.has(repo)) log.warn(message, { repo: nameOf(repo) });
    missingMessages.set(repo, message);
  };
  const noteForgeAnswers = (repo: number): void => {
    if (!failures.noteSuccess(repo) || failures.size > 0) return;
    forgeMessage = null;
    log.info('Forge answers again');
  };

  return {
    noteFailure(repo, error) {
      const { obstacle, message } = error;
      if (obstacle === 'repo') {
        noteForgeAnswers(repo);
        noteMissing(repo, error);
        return;
      }
      if (failures.size === 0) {
        const what =
          obstacle === 'token'
            ? 'Forge refuses the token: set DORA_FORGE_TOKEN'
            : 'Forge gives no usable answer; lead times wait until it does';
        log[obstacle === 'token' ? 'error' : 'warn'](what, { repo: nameOf(repo), error: message });
        forgeMessage = `${what} (${message})`;
      }
      failures.noteFailure(repo);
    },
    noteAnswer(repo) {
      noteForgeAnswers(repo);
      missing.noteSuccess(repo);
      if (missingMessages.delete(repo)) log.info('Forge shows the repo again', { repo: nameOf(repo) });
    },
    has: (repo) => failures.has(repo) || missingMessages.has(repo),
    dueAt: (repo) => Math.max(failures.dueAt(repo), missing.dueAt(repo)),
    retryMissing: () => missing.keepOnly(new Set()),
    keepOnly(repos) {
      if (failures.size + missingMessages.size === 0) return;
      const kept = repos();
      failures.keepOnly(kept);
      missing.keepOnly(kept);
      for (const repo of missingMessages.keys()) if (!kept.has(repo)) missingMessages.delete(repo);
      if (failures.size === 0) forgeMessage = null;
    },
    get messages() {
      const repos = [...missingMessages.values()];
      const more = repos.length - mostMessages;
      return [
        ...(forgeMessage === null ? [] : [forgeMessage]),
        ...repos.slice(0, mostMessages),
        ...(more > 0 ? [`The forge does not show ${more} more repos`] : []),
      ];
    },
  };
}
