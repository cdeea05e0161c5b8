/**
 * The process. Exit code 0: a clean stop; 1: it cannot go on; 2: a mistake in arguments, settings or policy, or an unusable
 * database.
 */

import packageJson from '../package.json' with { type: 'json' };
import { type Config, type Setting, settings } from './config/environment.ts';
import { readPolicy, readSettings } from './config/settings.ts';
import type { Policy } from './core/policy.ts';
import { describeCheck } from './queries/check.ts';
import { type Service, startService } from './service.ts';
import { WoodpeckerReplaced } from './sources/repo-discovery.ts';
import { StoreDamaged, StoreUnusable } from './store/store.ts';
import { systemClock } from './util/clock.ts';
import { createLog, describeError, type Log } from './util/log.ts';

const longestStopMs = 9_000;

const usage = `npm start [-- --check | --help | --version]

Runs the exporter until SIGTERM or SIGINT. Without any settings it accepts webhooks and stores them in data/.

  --check    prints what settings and policy would count, and how much of it the database contains; uses no network
  --help     prints this
  --version  prints the version

Settings are environment variables. A setting marked * can also be a file: its name with _FILE contains the path. README.md
explains the settings and the policy file. The settings and their defaults:

${settings.map(describeSetting).join('\n')}

Exit codes: 0 after a clean stop, 1 if it cannot go on, 2 if a setting, the policy, an argument or the database is wrong.
`;

/** A reason to end a process that could go on. */
interface Ending {
  /** The signal that ends it; absent: another reason. */
  readonly signal?: string;
  readonly exitCode: number;
}

const exitCode = await main(process.argv.slice(2));
process.exit(exitCode);

async function main(args: readonly string[]): Promise<number> {
  const logLost = lossOfLog();
  const unknown = args.find((arg) => !['--check', '--help', '--version'].includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`Unknown argument ${unknown}: expected none, --check, --help or --version\n`);
    return 2;
  }
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (args.includes('--version')) {
    process.stdout.write(`${packageJson.version}\n`);
    return 0;
  }
  const read = readSettings(process.env);
  if (!read.ok) {
    process.stderr.write(`${[...read.problems, ...read.warnings].join('\n')}\n`);
    return 2;
  }
  const { config, policy } = read;
  const log = createLog(config.logLevel);
  for (const warning of read.warnings) log.warn(warning);
  try {
    if (args.includes('--check')) {
      const lines = await describeCheck(config, policy);
      process.stdout.write(`${lines.join('\n')}\n`);
      return 0;
    }
    return await serve(config, policy, log, logLost);
  } catch (error) {
    log.error('Cannot go on', { error: describeError(error) });
    const unusable = [StoreUnusable, StoreDamaged, WoodpeckerReplaced];
    return unusable.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

function describeSetting(setting: Setting): string {
  const { name, isSecret } = setting;
  return `  ${`${name}${isSecret ? ' *' : ''}`.padEnd(25)}${setting.default ?? ''}`.trimEnd();
}

async function serve(config: Config, policy: Policy, log: Log, logLost: Promise<Ending>): Promise<number> {
  const { version } = packageJson;
  const stopRequested = Promise.race([nextSignal(), logLost]);
  log.info('woodpecker-dora-exporter starts', {
    version,
    database: config.databasePath,
    policy: config.policyPath ?? 'default',
    woodpecker: config.woodpecker?.url ?? 'none (webhook only)',
  });
  const starting = startService({ config, policy, version, clock: systemClock, log });
  onHangUp(starting, config.policyPath, policy, log);
  const service = await Promise.race([starting, stopRequested.then(() => null)]);
  if (!service) {
    // No webhook has been answered yet, and the end of the process rolls back an open transaction.
    const { signal, exitCode } = await stopRequested;
    log.info('Stopped while starting', { signal });
    return exitCode;
  }
  const { signal, exitCode } = await Promise.race([stopRequested, service.failed]);
  log.info('Stopping', { signal });
  const tooLong = setTimeout(() => {
    log.error('Stopping took too long');
    process.exit(1);
  }, longestStopMs);
  await service.stop();
  clearTimeout(tooLong);
  log.info('Stopped');
  return exitCode;
}

/** Reads the policy file again at each SIGHUP. If it has mistakes, logs them and keeps the current policy. */
function onHangUp(starting: Promise<Service>, path: string | null, first: Policy, log: Log): void {
  let latest = JSON.stringify(first);
  process.on('SIGHUP', () => {
    if (path === null) {
      log.info('SIGHUP: DORA_POLICY is not set, so there is no policy to read');
      return;
    }
    const read = readPolicy(path);
    if (!read.ok) {
      for (const problem of read.problems) log.error('SIGHUP: the policy stays as it is', { problem });
      return;
    }
    if (JSON.stringify(read.policy) === latest) {
      log.info('SIGHUP: the policy has not changed');
      return;
    }
    latest = JSON.stringify(read.policy);
    log.info('SIGHUP: the policy has changed');
    starting.then(
      (service) => service.adopt(read.policy),
      () => undefined,
    );
  });
}

/** Fulfils at the first signal. Later ones have no effect, since Ctrl-C under npm arrives twice. */
function nextSignal(): Promise<Ending> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => resolve({ signal, exitCode: 0 }));
    }
  });
}

/**
 * Fulfils if standard output or standard error cannot be written: the process must then end, so that its supervisor restarts
 * it. The listeners stay, since each later write fails again.
 */
function lossOfLog(): Promise<Ending> {
  return new Promise((resolve) => {
    process.stderr.on('error', () => resolve({ exitCode: 1 }));
    process.stdout.once('error', (error) => {
      process.stderr.write(`Standard output cannot be written any more, stopping: ${describeError(error)}\n`);
    });
    process.stdout.on('error', () => resolve({ exitCode: 1 }));
  });
}
