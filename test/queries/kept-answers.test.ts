import { describe, expect, it } from 'vitest';
import { createKeptAnswers } from '../../src/queries/kept-answers.ts';

/** Answers that are computed when the test says so; an answer is its key and the version that it was begun with. */
function createWorld(most = 4) {
  let version = 1;
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const answers = createKeptAnswers<string>(() => version, most);
  return {
    begun,
    ask: (key: string) =>
      answers(key, () => {
        const answer = `${key} of ${version}`;
        begun.push(answer);
        return new Promise((resolve) => ends.push(() => resolve(answer)));
      }),
    change: () => void version++,
    /** Ends the computation that is running, once it has begun. */
    async end() {
      await expect.poll(() => ends.length).toBeGreaterThan(0);
      ends.shift()?.();
    },
  };
}

describe('an answer that takes long', () => {
  it('is computed once for all who ask meanwhile and after, until the state changes', async () => {
    const { ask, begun, change, end } = createWorld();
    const both = [ask('a'), ask('a')];
    await end();
    expect(await Promise.all(both)).toEqual(['a of 1', 'a of 1']);
    expect(await ask('a')).toBe('a of 1');
    change();
    const next = ask('a');
    await end();
    expect([await next, begun]).toEqual(['a of 2', ['a of 1', 'a of 2']]);
  });

  it('contains the changes before the request, and waits in the queue once, however often the state changes', async () => {
    const { ask, begun, change, end } = createWorld();
    const first = ask('a');
    await expect.poll(() => begun).toEqual(['a of 1']);
    const later: Promise<string>[] = [];
    for (let turn = 0; turn < 5; turn++) {
      change();
      later.push(ask('a'));
    }
    await end();
    await end();
    expect([await first, await Promise.all(later)]).toEqual(['a of 1', Array(5).fill('a of 6')]);
    expect(begun).toEqual(['a of 1', 'a of 6']);
  });

  it('is forgotten if too many others were asked for after it', async () => {
    const { ask, begun, end } = createWorld(2);
    for (const key of ['a', 'b', 'c', 'b', 'a']) {
      const known = begun.length;
      const answer = ask(key);
      if (key !== 'b' || known === 1) await end();
      await answer;
    }
    expect(begun).toEqual(['a of 1', 'b of 1', 'c of 1', 'a of 1']);
  });

  it('is computed again if it failed', async () => {
    let tries = 0;
    const answers = createKeptAnswers<number>(() => 1, 4);
    const ask = () =>
      answers('a', async () => {
        if (++tries === 1) throw new Error('Disk is full');
        return tries;
      });
    await expect(ask()).rejects.toThrow('Disk is full');
    expect(await ask()).toBe(2);
  });
});
