import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createWoodpeckerHealth } from '../../src/woodpecker/health.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function watch() {
  const clock = createFakeClock(1000);
  const lines: string[] = [];
  const changes: boolean[] = [];
  const log = createLog(
    'debug',
    (line) => lines.push(line),
    () => new Date(0),
  );
  const health = createWoodpeckerHealth(clock, log, (isUp) => changes.push(isUp));
  return { clock, lines, changes, health };
}

const up = { status: 200, isUsable: true };
const down = { status: 0, isUsable: false };

describe('the health of Woodpecker', () => {
  it('is not known before the first answer', () => {
    const { health, changes } = watch();
    expect(health.isUp).toBeNull();
    expect(changes).toEqual([]);
  });

  it('is told once per change, not once per request', () => {
    const { clock, lines, changes, health } = watch();
    health.note(up);
    health.note(up);
    clock.advance(10);
    health.note(down);
    clock.advance(42);
    health.note({ status: 503, isUsable: false });
    expect([health.isUp, health.since]).toEqual([false, 1_010_000]);
    health.note(up);
    health.note(up);
    expect(changes).toEqual([true, false, true]);
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z warn  Woodpecker gives no usable answer; will keep trying status=none',
      '1970-01-01T00:00:00.000Z info  Woodpecker answers again after_s=42',
    ]);
  });

  it('tells of a refused token as an error, with what to do', () => {
    const { lines, health } = watch();
    health.note({ status: 401, isUsable: false });
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z error Woodpecker refuses the token: set DORA_WOODPECKER_TOKEN to a valid one status=401',
    ]);
  });
});
