import { describe, expect, it } from 'vitest';
import { createProgressBar, describeTime } from '../../src/export/progress-bar.ts';

function createTerminal(columns: number) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const terminal = { columns, write: (text: string) => written.push(text) };
  return { written, clock, bar: createProgressBar(terminal, () => clock.ms) };
}

describe('the progress bar', () => {
  it('draws one line again and again, and clears it at the end', () => {
    const { written, clock, bar } = createTerminal(100);
    bar.show(0, '0 samples');
    clock.ms = 1000;
    bar.show(0.5, '5 samples');
    clock.ms = 4000;
    bar.show(0.8, '8 samples');
    bar.end();
    expect(written).toEqual([
      `\r${'░'.repeat(30)}   0 %  0 samples\x1b[K`,
      `\r${'█'.repeat(15)}${'░'.repeat(15)}  50 %  5 samples\x1b[K`,
      `\r${'█'.repeat(24)}${'░'.repeat(6)}  80 %  8 samples, 1s left\x1b[K`,
      '\r\x1b[K',
    ]);
  });

  it('is drawn at most ten times a second', () => {
    const { written, clock, bar } = createTerminal(100);
    for (clock.ms = 0; clock.ms < 1000; clock.ms += 5) bar.show(clock.ms / 1000, '');
    expect(written.length).toBe(10);
  });

  it('never wraps', () => {
    const { written, bar } = createTerminal(20);
    bar.show(0.5, 'much that there is no room for');
    expect(written[0]?.replace('\r', '').replace('\x1b[K', '').length).toBe(19);
  });

  it('does not change a terminal on which it was never drawn', () => {
    const { written, bar } = createTerminal(100);
    bar.end();
    expect(written).toEqual([]);
  });

  it.each([
    [900, '1s'],
    [59_400, '59s'],
    [59_600, '1m 0s'],
    [200_000, '3m 20s'],
    [3_900_000, '1h 5m'],
  ])('shows %i ms as %s', (ms, text) => {
    expect(describeTime(ms)).toBe(text);
  });
});
