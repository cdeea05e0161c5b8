/**
 * Shows the progress of long work on a terminal, in one line. Draws the line at most ten times a second, and removes it at
 * the end.
 */

export interface ProgressBar {
  /** `share` from 0 to 1. */
  show(share: number, note: string): void;
  /** Clears the line. */
  end(): void;
}

export interface Terminal {
  write(text: string): unknown;
  readonly columns?: number;
}

const barWidth = 30;
const pauseMs = 100;
/** Time before the first estimate: earlier ones would change too much. */
const estimateAfterMs = 2_000;

/** `nowMs`: milliseconds of a monotonic clock. */
export function createProgressBar(terminal: Terminal, nowMs: () => number): ProgressBar {
  const began = nowMs();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show(share, note) {
      const now = nowMs();
      if (now - drawnAt < pauseMs) return;
      drawnAt = now;
      isDrawn = true;
      const filled = Math.floor(barWidth * share);
      const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
      const elapsed = now - began;
      const left =
        elapsed < estimateAfterMs || share === 0
          ? ''
          : `, ${describeTime((elapsed * (1 - share)) / share)} left`;
      const line = `${bar} ${String(Math.floor(100 * share)).padStart(3)} %  ${note}${left}`;
      // A line that wraps could not be overwritten.
      terminal.write(`\r${line.slice(0, (terminal.columns ?? 80) - 1)}\x1b[K`);
    },
    end() {
      if (isDrawn) terminal.write('\r\x1b[K');
      isDrawn = false;
    },
  };
}

/** `1h 5m`, `3m 20s`, `12s`. */
export function describeTime(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}
