/** Times, durations and rates in words. */

import { html } from 'hono/html';
import type { DeploymentBar } from '../core/overview.ts';
import { iso } from '../util/moment.ts';
import type { Html } from './page.ts';

/** The first line of a message, with at most `most` characters. */
export function firstLine(message: string, most: number): string {
  return message.trimStart().split(/\r?\n/, 1)[0]?.slice(0, most).toWellFormed() ?? '';
}

/** A duration in the largest unit of which it has at least two. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.max(Math.round(seconds), 0)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A rounded number in a unit. */
export interface Quantity {
  readonly value: number;
  readonly unit: string;
  /** Length of the unit, to compare it with other units of its kind. */
  readonly size: number;
}

export function quantityWords({ value, unit }: Quantity): string {
  return `${value} ${unit}`;
}

/** The text without line breaks between numbers and units. */
export function keepUnits(text: string): string {
  return text.replace(/(\d) (?=(?:s|min|h|d|points?)\b|%)/g, '$1\u00a0');
}

/** A figure in seconds. Less than ten of a unit have one decimal. */
export function durationOf(seconds: number): Quantity {
  const units = [
    [86_400, 'd', 172_800],
    [3600, 'h', 7200],
    [60, 'min', 120],
    [1, 's', 0],
  ] as const;
  const [size, unit] = units.find(([, , from]) => seconds >= from) ?? [1, 's'];
  const value = seconds / size;
  return { value: Number(value.toFixed(value < 10 && size > 1 ? 1 : 0)), unit, size };
}

export function duration(seconds: number): string {
  return quantityWords(durationOf(seconds));
}

/** A rate from 0 to 1. */
export function percentageOf(rate: number): Quantity {
  return { value: Number((rate * 100).toFixed(1)), unit: '%', size: 1 };
}

/** A rate from 0 to 1; a dash if there is none. */
export function percent(rate: number | null): string {
  return rate === null ? '–' : quantityWords(percentageOf(rate));
}

/** The time since `at`; 0: never. */
export function ago(at: number, now: number): Html {
  if (at === 0) return html`<span class="dim">never</span>`;
  return html`<time datetime="${iso(at)}" title="${iso(at)}">${age(now - at)} ago</time>`;
}

/** A time to the minute, of UTC. */
export function minuteWords(at: number): string {
  return iso(at).slice(0, 16).replace('T', ' ');
}

/** A time to the minute, without the year if `now` has the same; the title has the whole time. */
export function moment(at: number, now?: number): Html {
  const text = iso(at);
  const isThisYear = now !== undefined && iso(now).slice(0, 4) === text.slice(0, 4);
  const words = minuteWords(at).slice(isThisYear ? 5 : 0);
  return html`<time datetime="${text}" title="${text}">${words}</time>`;
}

/** A percentage of the width as a length. */
export function percentOf(share: number): string {
  return `${Number(share.toFixed(2))}%`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A day of UTC. */
export function dayWords(at: number): string {
  const date = new Date(at * 1000);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]}`;
}

/** The hour or the day of a bar, or the days of its week that are in the window. */
export function barWords(
  { start, from, to }: Pick<DeploymentBar, 'start' | 'from' | 'to'>,
  unit: BarUnit,
): string {
  if (unit === 'hour') return `${dayWords(start)} ${timeWords(start)}`;
  const [first, last] = [dayWords(from), dayWords(to)];
  return first === last ? first : `${first} – ${last}`;
}

/** A label of a time axis: the day at midnight, else the time. Both would not fit on a phone. */
export function tickWords(at: number): string {
  return at % 86_400 === 0 ? dayWords(at) : timeWords(at);
}

function timeWords(at: number): string {
  return iso(at).slice(11, 16);
}

export type BarUnit = 'hour' | 'day' | 'week';

export function unitOf(barSeconds: number): BarUnit {
  return barSeconds < 86_400 ? 'hour' : barSeconds === 86_400 ? 'day' : 'week';
}
