/** The reasons why a pipeline does not count, in words. */

import type { UncountedReason } from '../core/explain.ts';

export const reasonWords: Readonly<Record<UncountedReason, string>> = {
  not_ended: 'has not ended',
  beyond_history: 'lies beyond the history that was read: only the last outcomes show it',
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
  no_timestamp: 'nothing tells when it ended',
  not_reached: 'the part that deploys did not run',
  no_parts: 'Woodpecker has no workflows of it any more',
  operator: 'an operator marked it to be ignored',
  limit: 'there was no room for another pair (DORA_MAX_PAIRS)',
};
