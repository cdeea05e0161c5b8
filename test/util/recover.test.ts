import { expect, it } from 'vitest';
import { recover } from '../../src/util/recover.ts';

class Missing extends Error {}

it('gives the value of the promise, or another one for an error of the class alone', async () => {
  const instead = ({ message }: Missing) => `no ${message}`;
  expect(await recover(Promise.resolve(1), Missing, instead)).toBe(1);
  expect(await recover(Promise.reject(new Missing('repo')), Missing, instead)).toBe('no repo');
  const other = new Error('other');
  await expect(recover(Promise.reject(other), Missing, instead)).rejects.toBe(other);
});
