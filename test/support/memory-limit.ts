/** A limit on the memory of a process, as a container sets it. */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const versions = [
  { root: '/sys/fs/cgroup/memory', limitFile: 'memory.limit_in_bytes' },
  { root: '/sys/fs/cgroup', limitFile: 'memory.max' },
];

/**
 * The words before a command line that run the program with at most `bytes` of memory; above it, the kernel kills the
 * program. Empty if this user may not make a control group.
 */
export function withinMemory(bytes: number): readonly string[] {
  for (const { root, limitFile } of versions) {
    const group = join(root, `dora-test-${process.pid}-${Math.floor(performance.now())}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    onTestFinished(() => remove(group));
    try {
      writeFileSync(join(group, limitFile), String(bytes));
    } catch {
      continue;
    }
    return ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$0" "$@"`];
  }
  return [];
}

/** Removes a control group, which is possible only after its killed processes are gone. */
async function remove(group: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      rmdirSync(group);
      return;
    } catch {
      await delay(50);
    }
  }
}
