import { expect, it } from 'vitest';
import { missedPartWords } from '../../src/pages/missed-part-words.ts';

const skipped = { workflows: ['deploy'], steps: null, isPresent: true, stop: null };

it.each([
  ['workflow deploy did not run', skipped],
  ['the pipeline has no workflow deploy', { ...skipped, isPresent: false }],
  ['step ship did not run', { ...skipped, workflows: null, steps: ['ship'] }],
  ['step ship or publish-* of workflow deploy did not run', { ...skipped, steps: ['ship', 'publish-*'] }],
  [
    'workflow deploy did not run; it stopped at step unit of workflow test, which failed',
    { ...skipped, stop: { workflow: 'test', step: 'unit', end: 'failure' as const } },
  ],
  [
    'the pipeline has no workflow deploy; it stopped at workflow test, which was killed',
    { ...skipped, isPresent: false, stop: { workflow: 'test', step: null, end: 'killed' as const } },
  ],
])('says that %s', (words, missed) => {
  expect(missedPartWords(missed)).toBe(words);
});
