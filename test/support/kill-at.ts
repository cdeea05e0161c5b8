/**
 * Loaded before a program (`node --import`): counts its calls that touch files, and kills the program at the call with the
 * number `KILL_AT`, counted from 1. If the program makes fewer calls, it runs to its end.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync, StatementSync } from 'node:sqlite';

const killAt = Number(process.env['KILL_AT']);
let calls = 0;

type Methods = Record<string, (...args: unknown[]) => unknown>;

function countCalls(target: object, names: readonly string[]): void {
  const methods = target as Methods;
  for (const name of names) {
    const original = methods[name];
    if (!original) continue;
    methods[name] = function (this: unknown, ...args) {
      if (++calls === killAt) process.kill(process.pid, 'SIGKILL');
      return original.apply(this, args);
    };
  }
}

countCalls(fs, ['rmSync', 'renameSync', 'mkdirSync', 'readdirSync', 'open', 'write', 'writev', 'fsync']);
countCalls(DatabaseSync.prototype, ['exec', 'prepare', 'close']);
countCalls(StatementSync.prototype, ['run', 'get', 'all']);
syncBuiltinESMExports();
