/**
 * Who may: secrets presented as a bearer token, as the password of HTTP Basic, or as a signature over the raw body.
 *
 * Guarantees: comparisons take the same time whatever is presented; with several secrets in force any of them opens.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Tolerance of Standard Webhooks for the age of a signature, in seconds. */
const signatureAgeSeconds = 300;

/** `Authorization: Bearer`. */
export function hasBearer(headers: Headers, secrets: readonly string[]): boolean {
  const match = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '');
  return match?.[1] !== undefined && isAnyOf(secrets, match[1]);
}

/** `Authorization: Basic`, any user, the secret as password. */
export function hasBasicPassword(headers: Headers, secrets: readonly string[]): boolean {
  const match = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(headers.get('authorization') ?? '');
  const decoded = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon >= 0 && isAnyOf(secrets, decoded.slice(colon + 1));
}

/**
 * Any of the ways in which a webhook may show that it knows a secret. `now` in Unix seconds. Standard Webhooks:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function isAuthenticWebhook(
  headers: Headers,
  body: Uint8Array,
  secrets: readonly string[],
  now: number,
): boolean {
  return (
    hasBearer(headers, secrets) ||
    hasHexSignature(headers.get('x-hub-signature-256'), body, secrets) ||
    hasHexSignature(headers.get('x-drone-signature'), body, secrets) ||
    hasStandardSignature(headers, body, secrets, now)
  );
}

function hasHexSignature(header: string | null, body: Uint8Array, secrets: readonly string[]): boolean {
  const match = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '');
  if (!match?.[1]) return false;
  const given = Buffer.from(match[1], 'hex');
  return anyOf(secrets, (secret) => timingSafeEqual(hmac(Buffer.from(secret), body), given));
}

function hasStandardSignature(
  headers: Headers,
  body: Uint8Array,
  secrets: readonly string[],
  now: number,
): boolean {
  const id = headers.get('webhook-id');
  const timestamp = headers.get('webhook-timestamp') ?? '';
  const signatures = headers.get('webhook-signature');
  if (!id || !signatures || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp)) > signatureAgeSeconds) return false;
  const given = signatures
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'));
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  return anyOf(secrets, (secret) => {
    const expected = hmac(standardKey(secret), signed);
    return anyOf(given, (value) => value.length === expected.length && timingSafeEqual(value, expected));
  });
}

function standardKey(secret: string): Buffer {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
}

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Hashed first, so that lengths are equal and tell nothing. */
function isAnyOf(secrets: readonly string[], given: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  const givenHash = hash(given);
  return anyOf(secrets, (secret) => timingSafeEqual(hash(secret), givenHash));
}

/** Asks for all of them, so that the time does not tell which one it was. */
function anyOf<T>(values: readonly T[], matches: (value: T) => boolean): boolean {
  return values.map(matches).includes(true);
}
