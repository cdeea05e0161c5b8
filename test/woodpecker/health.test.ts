import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/util/log.ts';
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

const up = { status: 200, isUsable: true, isTokenValid: null, error: null };
const error = new Error('fetch failed', { cause: new Error('unable to verify the first certificate') });
const down = { status: 0, isUsable: false, isTokenValid: null, error };
const refused = { status: 401, isUsable: false, isTokenValid: false, error: null };
const welcome = { status: 200, isUsable: true, isTokenValid: true, error: null };

describe('the health of Woodpecker', () => {
  it('is unknown before the first answer', () => {
    const { health, changes } = watch();
    expect(health.isUp).toBeNull();
    expect(changes).toEqual([]);
  });

  it('is reported once per change, not once per request', () => {
    const { clock, lines, changes, health } = watch();
    health.note(up);
    health.note(up);
    clock.advance(10);
    health.note(down);
    clock.advance(42);
    health.note({ ...down, status: 503 });
    expect([health.isUp, health.since]).toEqual([false, 1_010_000]);
    health.note(up);
    health.note(up);
    expect(changes).toEqual([true, false, true]);
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z warn  Woodpecker gives no usable answer; will keep trying status=none error="fetch failed: unable to verify the first certificate"',
      '1970-01-01T00:00:00.000Z info  Woodpecker answers again after_s=42',
    ]);
  });

  it('stays down while one list is wrong, even if other answers are right', () => {
    const { lines, changes, health } = watch();
    const user = { ...welcome, path: '/api/user' };
    const wrong = { ...down, path: '/api/user/repos', status: 200, error: new Error('not as expected') };
    for (let round = 0; round < 3; round++) {
      health.note(user);
      health.note(wrong);
    }
    expect([changes, lines.length]).toEqual([[true, false], 1]);
    expect(health.trouble).toBe('Woodpecker gives no usable answer; will keep trying. not as expected');
    health.note({ ...user, path: '/api/user/repos' });
    expect([health.isUp, health.trouble, lines.length]).toEqual([true, null, 2]);
  });

  it('reports a refused token as an error, with the remedy', () => {
    const { lines, health } = watch();
    health.note(refused);
    expect(health.trouble).toMatch(/refuses the token/);
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z error Woodpecker refuses the token: set DORA_WOODPECKER_TOKEN to a valid one status=401',
    ]);
  });

  it('stays down after a refused token until an answer proves the token valid', () => {
    const { lines, health } = watch();
    // A public repo answers anybody, so its answer proves nothing about the token.
    for (const ended of [refused, up, refused, up]) health.note(ended);
    expect(health.isUp).toBe(false);
    health.note(welcome);
    expect([health.isUp, health.trouble]).toEqual([true, null]);
    expect(lines.map((line) => line.slice(25, 50))).toEqual([
      'error Woodpecker refuses ',
      'info  Woodpecker answers ',
    ]);
  });

  it('reports a refused token and a missing answer separately, each when it begins', () => {
    const { lines, health } = watch();
    for (const ended of [down, down, refused, refused, down, welcome]) health.note(ended);
    expect(lines.map((line) => line.slice(25, 50))).toEqual([
      'warn  Woodpecker gives no',
      'error Woodpecker refuses ',
      'warn  Woodpecker gives no',
      'info  Woodpecker answers ',
    ]);
  });
});
