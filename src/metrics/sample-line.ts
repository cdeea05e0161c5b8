/**
 * Writes lines of Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). They are the same
 * as prom-client's, which adds an entry to a weak map for each line: many lines cost it three times the CPU.
 */

import type { Family, Value } from './families.ts';

/** The HELP and TYPE lines of a family. */
export function headerOf({ name, help, type }: Omit<Family<never>, 'valuesOf'>): string {
  const escaped = help.replace(/[\\\n]/g, escapeCharacter);
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
}

/** The line of a value, without a line break. `family`: the metric's name, unless the value has its own. */
export function lineOf(family: string, { value, labels, metricName = family }: Value): string {
  let list = '';
  for (const name in labels) {
    const label = labels[name];
    const text = typeof label === 'string' ? escapeText(label) : label;
    list += `${list === '' ? '' : ','}${name}="${text}"`;
  }
  return `${metricName}{${list}} ${toNumber(value)}`;
}

/** Escapes the value of a label. */
export function escapeText(text: string): string {
  // Few texts contain such a character, and a test is cheaper than a replacement.
  return /[\\"\n]/.test(text) ? text.replace(/[\\"\n]/g, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

function toNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}
