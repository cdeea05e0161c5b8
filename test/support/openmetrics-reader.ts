/** Parses OpenMetrics text with timestamps, as strictly as the specification demands for our output. */

export interface ReadHistory {
  /** Times and values of each series, by its name and labels as written. */
  readonly series: ReadonlyMap<string, readonly (readonly [at: number, value: number])[]>;
  readonly types: ReadonlyMap<string, string>;
  /** The value of a query at `at`: the last one up to then; `null`: there is none. */
  valueAt(series: string, at: number): number | null;
  /** The value with exactly the timestamp `at`. */
  exactlyAt(series: string, at: number): number | null;
}

/** Throws if the text is incomplete, if a family or a set of labels is split, or if timestamps decrease. */
export function readOpenMetrics(text: string): ReadHistory {
  if (!text.endsWith('# EOF\n')) throw new Error('The text does not end as it must');
  const series = new Map<string, [number, number][]>();
  const types = new Map<string, string>();
  const finished = new Set<string>();
  let family = '';
  let metric = '';
  let metricAt = 0;
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const [, kind, name = '', rest = ''] = /^# (TYPE|HELP) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      if (types.has(name)) throw new Error(`Family ${name} comes twice`);
      types.set(name, rest);
      family = name;
      continue;
    }
    if (kind === 'HELP') {
      if (name !== family) throw new Error(`HELP of ${name} stands with ${family}`);
      continue;
    }
    const match = /^(\w+)(\{.*\}) (\S+) (\d+)$/.exec(line);
    if (!match) throw new Error(`Not a sample with a time: ${line}`);
    const [, sampleName = '', labels = '', value = '', time = ''] = match;
    const suffixes = { counter: ['_total'], histogram: ['_bucket', '_sum', '_count'] };
    const allowed = suffixes[types.get(family) as keyof typeof suffixes] ?? [''];
    if (!allowed.some((suffix) => sampleName === family + suffix)) {
      throw new Error(`Sample ${sampleName} stands with ${family}`);
    }
    const at = Number(time);
    const owner = family + labels.replace(/,?(le|quantile)="[^"]*"/, '');
    if (owner !== metric) {
      if (finished.has(owner)) throw new Error(`Labels come again: ${owner}`);
      finished.add(owner);
      metric = owner;
    } else if (at < metricAt) {
      throw new Error(`Time goes backwards: ${line}`);
    }
    metricAt = at;
    const key = sampleName + labels;
    const samples = series.get(key) ?? [];
    if ((samples.at(-1)?.[0] ?? 0) >= at) throw new Error(`A time comes twice: ${line}`);
    samples.push([at, Number(value)]);
    series.set(key, samples);
  }
  return {
    series,
    types,
    valueAt: (key, at) => series.get(key)?.findLast(([time]) => time <= at)?.[1] ?? null,
    exactlyAt: (key, at) => series.get(key)?.find(([time]) => time === at)?.[1] ?? null,
  };
}
