/**
 * Three kinds of tests. `fast` share workers. `laws` try random histories. `process` spawn real programs and need a fresh
 * worker each. `npm test` runs a fifth of each law, one test of the real process and one run of chaos; with
 * `DORA_TEST_ALL=1` everything runs in full.
 */
import { defineConfig } from 'vitest/config';
import { runsAll } from './support/runs.ts';

const laws = 'test/laws/**/*.test.ts';
const processes = [
  'test/{e2e,chaos,deploy}/**/*.test.ts',
  'test/support/demo.test.ts',
  'test/readme.test.ts',
];
const smoke = ['test/e2e/service.test.ts', 'test/chaos/chaos.test.ts', 'test/readme.test.ts'];

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    maxWorkers: '100%',
    setupFiles: ['test/support/seed.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A busy machine may take long to reach a state; a wait ends as soon as it is reached.
    expect: { poll: { timeout: 120_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [laws, ...processes],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'laws', include: [laws], isolate: false, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: runsAll ? processes : smoke,
          // They wait most of the time: for programs to start, and for states to come.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
