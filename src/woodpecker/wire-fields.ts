/** Schemas of fields in Woodpecker's JSON. */

import { z } from 'zod';

export const longestText = 1024;

/** A text, cut to the length; null and absent mean an empty text. */
export const textOf = (longest: number) =>
  z
    .string()
    .nullish()
    .transform((value) => cutText(value ?? '', longest));
export const text = textOf(longestText);

/** Unix seconds; 0, negative, null and absent all mean "not set". */
export const seconds = z
  .number()
  .int()
  .nullish()
  .transform((value) => (value && value > 0 ? value : 0));
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/**
 * At most `most` UTF-16 code units of the text, as well-formed Unicode, so that the store returns the same text. A cut text
 * is a copy, since a slice would keep the whole text in memory.
 */
export function cutText(value: string, most: number): string {
  return value.length > most ? Buffer.from(value.slice(0, most)).toString() : value.toWellFormed();
}
