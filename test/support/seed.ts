/** With `DORA_TEST_SEED`, every law tries the same random cases each time: a check then fails for a change alone. */

import fc from 'fast-check';

const seed = process.env['DORA_TEST_SEED'];
if (seed) fc.configureGlobal({ seed: Number(seed) });
