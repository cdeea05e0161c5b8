/** The body of a thread that checkpoints a database and ends. */

import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { checkpointPassively } from './checkpoint.ts';

const database = new DatabaseSync((workerData as { path: string }).path);
checkpointPassively(database);
database.close();
