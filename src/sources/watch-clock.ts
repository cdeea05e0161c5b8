/**
 * Compares Woodpecker's clock with ours, by the date of its answers. A difference of more than a minute is stored, logged
 * and shown. All later times from Woodpecker are corrected by it.
 *
 * Guarantees: the correction is submitted before the client returns the answer that shows the difference, so it also applies
 * to the rows of that answer.
 */

import { correctionFor, measureSkew, startOf2015 } from '../core/clock-skew.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { describeError, type Log } from '../util/log.ts';
import type { DatedAnswer } from '../woodpecker/client.ts';

export interface ClockWatch {
  note(answer: DatedAnswer): void;
  /** The problem and its remedy, as logged; `null`: the clocks agree. */
  readonly trouble: string | null;
}

export function createClockWatch(ingest: Ingest, log: Log): ClockWatch {
  /** The last submitted correction, in seconds; the stored one if a submission has failed. */
  let applied = ingest.state.clockAhead;
  /** The last logged correction, in seconds. */
  let logged = 0;

  const submit = async (ahead: number): Promise<void> => {
    try {
      await ingest.submit({ kind: 'clock', ahead });
    } catch (error) {
      // The next answer shows the difference again.
      applied = ingest.state.clockAhead;
      log.debug("Could not store the difference from Woodpecker's clock", { error: describeError(error) });
    }
  };

  return {
    note({ writtenAt, askedAt, answeredAt }) {
      if (askedAt < startOf2015) return;
      const ahead = correctionFor(applied, measureSkew(writtenAt, askedAt, answeredAt));
      if (ahead !== applied) {
        applied = ahead;
        void submit(ahead);
      }
      if (ahead === logged) return;
      logged = ahead;
      if (ahead === 0) log.info("Woodpecker's clock agrees with ours again");
      else log.warn(troubleOf(ahead), { ahead_s: ahead });
    },
    get trouble() {
      const ahead = ingest.state.clockAhead;
      return ahead === 0 ? null : troubleOf(ahead);
    },
  };
}

function troubleOf(ahead: number): string {
  const difference = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} ours`;
  return `Woodpecker's clock is ${difference}, so its times are corrected by that much: set both clocks by NTP`;
}
