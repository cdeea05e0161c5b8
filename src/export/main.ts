/**
 * The process behind `npm run export`: arguments and environment in, history out, exit code 0; 1 where it cannot go on, 2
 * where what it was given is wrong. It only reads the database, which the exporter may go on writing meanwhile. A text
 * that was cut off lacks its end, so that promtool refuses it.
 */

import { readSettings } from '../config/settings.ts';
import type { IntakeMode } from '../ingest/ingest-options.ts';
import { intakeModeOf } from '../ingest/ingest-options.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { StoreDamaged, StoreUnusable } from '../store/store.ts';
import { nowSeconds, systemClock } from '../util/clock.ts';
import { NoPlaceForFolder } from '../util/folder.ts';
import { describeError } from '../util/log.ts';
import { counted } from '../util/pluralize.ts';
import { exportHistory, type HistoryProgress } from './history.ts';
import { type ExportOptions, parseOptions, usage } from './options.ts';
import { openOutput } from './output.ts';
import { createProgressBar, describeTime } from './progress-bar.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, nowSeconds(systemClock));
  if (parsed.kind === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const given = readSettings(process.env);
  const problems = [
    ...(parsed.kind === 'mistaken' ? parsed.problems : []),
    ...(given.ok ? [] : given.problems),
    ...(given.ok && given.config.databasePath === ':memory:'
      ? ['DORA_DATABASE: expected the file that the exporter writes, given :memory:']
      : []),
  ];
  if (parsed.kind === 'mistaken' || !given.ok || problems.length > 0) {
    tell(...problems);
    return 2;
  }
  tell(...[...given.warnings, ...parsed.warnings].map((warning) => `Note: ${warning}`));
  const { config, policy } = given;
  try {
    await write(config.databasePath, intakeModeOf(config, policy), parsed.options);
    return 0;
  } catch (error) {
    tell(`Cannot go on: ${describeError(error)}`);
    const unusable = [StoreUnusable, StoreDamaged, NoPlaceForFolder];
    return unusable.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

async function write(databasePath: string, mode: IntakeMode, options: ExportOptions): Promise<void> {
  const { from, to, output: path } = options;
  const began = performance.now();
  const isBarSeen = process.stderr.isTTY && !(path === null && process.stdout.isTTY);
  const bar = isBarSeen ? createProgressBar(process.stderr, () => performance.now()) : null;
  let reached: HistoryProgress = { share: 0, series: 0, samples: 0 };
  const store = openSqliteStore(databasePath, { isReadOnly: true });
  try {
    const output = await openOutput(path, from, to);
    try {
      await store.transact((tx) =>
        exportHistory(tx, mode, { ...options, cuts: output.cuts }, output.write, (progress) => {
          reached = progress;
          bar?.show(progress.share, describeProgress(progress));
        }),
      );
    } finally {
      await output.close();
    }
  } finally {
    bar?.end();
    await store.close();
  }
  tell(`${describeProgress(reached)} written in ${describeTime(performance.now() - began)}`);
  if (reached.samples === 0) tell(...describeNothing(databasePath, to));
}

/** A series has samples from its first deployment on, so `--from` never leaves all of them out. */
function describeNothing(databasePath: string, to: number): string[] {
  const end = new Date(to * 1000).toISOString().replace('.000Z', 'Z');
  return [
    `Nothing matched: these settings count no deployment before ${end} (--to) in the database "${databasePath}"`,
    'It may be that --to lies before the first deployment; that the policy leaves out all there is (repos, events, branches, tiers); that the first backfill is not over yet; or that DORA_DATABASE names another file',
    'What the database holds, and what would count of it, is told by npm start -- --check',
  ];
}

function describeProgress({ samples, series }: HistoryProgress): string {
  const many = samples < 1e6 ? counted(samples, 'sample') : `${(samples / 1e6).toFixed(1)} million samples`;
  return `${many} of ${series} series`;
}

function tell(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}
