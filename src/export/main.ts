/**
 * The process of `npm run export`: reads arguments and environment, writes the history. Exit code 0: success; 1: it cannot
 * go on; 2: a mistake in arguments, settings or database. It only reads the database, and the exporter may write it
 * meanwhile. An incomplete text has no end line, so promtool refuses it.
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
  const settings = readSettings(process.env);
  const problems = [
    ...(parsed.kind === 'mistaken' ? parsed.problems : []),
    ...(settings.ok ? [] : settings.problems),
    ...(settings.ok && settings.config.databasePath === ':memory:'
      ? ['DORA_DATABASE: expected the file that the exporter writes, given :memory:']
      : []),
  ];
  if (parsed.kind === 'mistaken' || !settings.ok || problems.length > 0) {
    printLines(...problems);
    return 2;
  }
  printLines(...[...settings.warnings, ...parsed.warnings].map((warning) => `Note: ${warning}`));
  const { config, policy } = settings;
  try {
    await write(config.databasePath, intakeModeOf(config, policy), parsed.options);
    return 0;
  } catch (error) {
    printLines(`Cannot go on: ${describeError(error)}`);
    const unusable = [StoreUnusable, StoreDamaged, NoPlaceForFolder];
    return unusable.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

async function write(databasePath: string, mode: IntakeMode, options: ExportOptions): Promise<void> {
  const { from, to, output: path } = options;
  const began = performance.now();
  const isBarSeen = process.stderr.isTTY && !(path === null && process.stdout.isTTY);
  const bar = isBarSeen ? createProgressBar(process.stderr, () => performance.now()) : null;
  let progressSoFar: HistoryProgress = { share: 0, series: 0, samples: 0 };
  const store = openSqliteStore(databasePath, { isReadOnly: true });
  try {
    const output = await openOutput(path, from, to);
    try {
      await store.transact((tx) =>
        exportHistory(tx, mode, { ...options, cuts: output.cuts }, output.write, (progress) => {
          progressSoFar = progress;
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
  printLines(`${describeProgress(progressSoFar)} written in ${describeTime(performance.now() - began)}`);
  if (progressSoFar.samples === 0) printLines(...describeNothing(databasePath, to));
}

/** Explains an export without samples. `--from` cannot be the reason: a series has samples from its first deployment on. */
function describeNothing(databasePath: string, to: number): string[] {
  const end = new Date(to * 1000).toISOString().replace('.000Z', 'Z');
  return [
    `Nothing matched: these settings count no deployment before ${end} (--to) in the database "${databasePath}"`,
    'Possible reasons: --to is before the first deployment; the policy excludes all pipelines (repos, events, branches, tiers); the first backfill is not complete yet; DORA_DATABASE names another file',
    'Run npm start -- --check to see what the database contains, and what would count',
  ];
}

function describeProgress({ samples, series }: HistoryProgress): string {
  const many = samples < 1e6 ? counted(samples, 'sample') : `${(samples / 1e6).toFixed(1)} million samples`;
  return `${many} of ${series} series`;
}

function printLines(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}
