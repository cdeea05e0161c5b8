/**
 * Parses the command line of an export. Reports all mistakes at once, each with the option's name, the expected form and the
 * given value. A warning means that the export is possible, but probably not as intended.
 */

import { parseArgs } from 'node:util';
import { closest } from '../util/did-you-mean.ts';
import { parseDurationSeconds } from '../util/duration.ts';
import { momentWords, parseMoment } from '../util/moment.ts';

export interface ExportOptions {
  /** Unix seconds, as is `to`. */
  readonly from: number;
  readonly to: number;
  readonly stepSeconds: number;
  /** Path of a file, or of a folder if it ends in a slash; `null`: standard output. */
  readonly output: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly withWindows: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'export'; readonly options: ExportOptions; readonly warnings: readonly string[] }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistaken'; readonly problems: readonly string[] };

const known = {
  from: { type: 'string' },
  to: { type: 'string' },
  step: { type: 'string' },
  output: { type: 'string' },
  label: { type: 'string', multiple: true },
  windows: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const daySeconds = 86_400;
/** Prometheus looks back five minutes for a sample. */
const safeStepSeconds = 240;
const defaultStep = '4m';
/** Age of the samples that Prometheus may still keep in its open head block. */
const headSeconds = 3 * 3600;

export const usage = `npm run export -- --from TIME --to TIME [options]

Writes the figures of the past as OpenMetrics, for "promtool tsdb create-blocks-from openmetrics". It only reads the
database, and the exporter may run meanwhile. DORA_DATABASE, DORA_POLICY and DORA_FORGE_URL must be the same as for the exporter.

  --from TIME         2026-01-01, 2026-01-01T12:00:00Z, or an age such as 180d
  --to TIME           in the same form; no sample is at this time itself
  --step DURATION     time between two samples; every change has a sample, too; default ${defaultStep}
  --output PATH       a file, or a folder/ with one file for each block of 162 hours; default: standard output
  --label NAME=VALUE  a label that Prometheus adds at a scrape: job and instance, and others that you have configured
  --no-windows        omits dora_window_… and dora_tier_window_…, two fifths of the text
  --help              prints this

Exit codes: 0 if everything was written, 1 if it cannot go on, 2 if an option, a setting or the database is wrong.
`;

/** `now`: Unix seconds. */
export function parseOptions(args: readonly string[], now: number): ParsedOptions {
  const { tokens, values } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    allowNegative: true,
    tokens: true,
  });
  if (values.help) return { kind: 'help' };
  const problems: string[] = [];
  const warnings: string[] = [];
  const texts = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`Unknown argument ${token.value}: expected options only`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const option = Object.entries(known).find(([other]) => other === name)?.[1];
    if (!option || (rawName.startsWith('--no-') && name !== 'windows')) {
      const meant = closest(name, Object.keys(known));
      problems.push(`Unknown option ${rawName}${meant ? `, did you mean --${meant}?` : ''}`);
    } else if (option.type === 'boolean') {
      if (value !== undefined) problems.push(`${rawName}: expected no value, given ${JSON.stringify(value)}`);
    } else if (value === undefined || value === '') {
      problems.push(`${rawName}: expected a value, given none`);
    } else if (texts.has(name) && name !== 'label') {
      problems.push(`${rawName}: expected once, given again`);
    } else {
      texts.set(name, [...(texts.get(name) ?? []), value]);
    }
  }

  function read<T>(name: string, expected: string, parse: (text: string) => T | null): T | null {
    const text = texts.get(name)?.[0];
    if (text === undefined) return null;
    const value = parse(text);
    if (value === null) problems.push(`--${name}: expected ${expected}, given ${JSON.stringify(text)}`);
    return value;
  }
  const readMoment = (name: 'from' | 'to') => {
    const isNamed = tokens.some((token) => token.kind === 'option' && token.name === name);
    if (!isNamed) problems.push(`--${name}: expected ${momentWords}, given none`);
    return read(name, momentWords, (text) => parseMoment(text, now));
  };

  const from = readMoment('from');
  const to = readMoment('to');
  if (from !== null && to !== null && from >= to) problems.push('--to: expected a time after --from');
  // If Prometheus has a block from the future, it cannot store new scrapes.
  if (to !== null && to > now) problems.push('--to: expected a time that is not in the future');
  const step = read('step', 'a duration from 1s to 1d such as 4m', (text) => {
    const seconds = parseDurationSeconds(text, daySeconds);
    return seconds === 0 ? null : seconds;
  });
  const stepSeconds = step ?? parseDurationSeconds(defaultStep) ?? safeStepSeconds;
  const labels = readLabels(texts.get('label') ?? [], problems);

  if (stepSeconds > safeStepSeconds) {
    warnings.push(
      '--step: graphs will have gaps, since Prometheus looks back only five minutes for a sample',
    );
  }
  if (to !== null && to > now - headSeconds) {
    warnings.push(
      '--to: a running Prometheus still writes the last three hours; choose a time before them, or before its first scrape',
    );
  }
  const missing = ['job', 'instance'].filter((name) => labels[name] === undefined);
  if (missing.length > 0) {
    warnings.push(
      `--label: without ${missing.join(' and ')} the series differ from the ones that Prometheus scrapes`,
    );
  }
  if (problems.length > 0 || from === null || to === null) return { kind: 'mistaken', problems };
  const output = texts.get('output')?.[0] ?? null;
  const withWindows = values.windows !== false;
  return { kind: 'export', options: { from, to, stepSeconds, output, labels, withWindows }, warnings };
}

function readLabels(texts: readonly string[], problems: string[]): Readonly<Record<string, string>> {
  const own = ['repo', 'tier', 'window', 'quantile', 'le'];
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([a-zA-Z_][a-zA-Z0-9_]*)=(.+)$/s.exec(text) ?? [];
    if (name === '' || name.startsWith('__')) {
      problems.push(`--label: expected NAME=VALUE such as job=dora, given ${JSON.stringify(text)}`);
    } else if (own.includes(name) || labels[name] !== undefined) {
      const reason = own.includes(name) ? 'the figures have a label of that name' : 'that name came before';
      problems.push(`--label: expected another name than ${name}, ${reason}`);
    } else {
      labels[name] = value;
    }
  }
  return labels;
}
