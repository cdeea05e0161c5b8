/** The reasons why a pipeline does not count, in words. */

import type { UncountedReason } from '../core/explain.ts';

export const reasonWords: Readonly<Record<UncountedReason, string>> = {
  not_ended: 'has not ended',
  beyond_history: 'is older than the known history: it only sets the last outcome',
  repo: 'the policy does not watch this repo',
  fork: "a fork's pipeline",
  pull_request: 'a pull request',
  event: 'the policy does not count its event',
  branch: 'the policy does not count its branch',
  tier: 'the policy has no tier for it',
  killed: 'killed, and not by a failing step',
  canceled: 'cancelled',
  declined: 'declined',
  skipped: 'skipped',
  error: 'could not begin; the policy does not count errors',
  unread: 'its workflows have not been read yet',
  no_timestamp: 'the time of its end is unknown',
  not_reached: 'the part that deploys did not run',
  no_parts: 'Woodpecker no longer has its workflows',
  operator: 'an operator marked it as ignored',
  limit: 'the limit of pairs is reached (DORA_MAX_PAIRS)',
};
