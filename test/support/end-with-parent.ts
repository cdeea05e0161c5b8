/** Loaded before a program: ends it as soon as its standard input ends, since its parent is gone then. */

import { Socket } from 'node:net';

process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
// The program may end before its parent.
if (process.stdin instanceof Socket) process.stdin.unref();
