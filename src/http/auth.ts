/**
 * Who may: secrets presented as a bearer token, as the password of HTTP Basic, or as a signature over the raw body.
 *
 * Guarantees: comparisons take the same time whatever is presented; with several secrets in force any of them opens.
 */

import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** Tolerance of Standard Webhooks for the age of a signature, in seconds. */
const signatureAgeSeconds = 300;

/** A secret in the forms in which it is compared, made once: Node takes three times as long to sign with raw bytes. */
export interface Secret {
  readonly hash: Uint8Array;
  readonly key: KeyObject;
  /** The key of Standard Webhooks. */
  readonly standardKey: KeyObject;
}

export function toSecret(text: string): Secret {
  const bytes = Buffer.from(text);
  const prefix = 'whsec_';
  const standard = text.startsWith(prefix) ? Buffer.from(text.slice(prefix.length), 'base64') : bytes;
  return { hash: hash(text), key: createSecretKey(bytes), standardKey: createSecretKey(standard) };
}

/** `Authorization: Bearer`. */
export function hasBearer(headers: Headers, secrets: readonly Secret[]): boolean {
  const match = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '');
  return match?.[1] !== undefined && isAnyOf(secrets, match[1]);
}

/** `Authorization: Basic`, any user, the secret as password. */
export function hasBasicPassword(headers: Headers, secrets: readonly Secret[]): boolean {
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
  secrets: readonly Secret[],
  now: number,
): boolean {
  return (
    hasBearer(headers, secrets) ||
    hasHexSignature(headers.get('x-hub-signature-256'), body, secrets) ||
    hasHexSignature(headers.get('x-drone-signature'), body, secrets) ||
    hasStandardSignature(headers, body, secrets, now)
  );
}

function hasHexSignature(header: string | null, body: Uint8Array, secrets: readonly Secret[]): boolean {
  const match = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '');
  if (!match?.[1]) return false;
  const given = Buffer.from(match[1], 'hex');
  return anyOf(secrets, ({ key }) => timingSafeEqual(hmac(key, body), given));
}

function hasStandardSignature(
  headers: Headers,
  body: Uint8Array,
  secrets: readonly Secret[],
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
  return anyOf(secrets, ({ standardKey }) => {
    const expected = hmac(standardKey, signed);
    return anyOf(given, (value) => value.length === expected.length && timingSafeEqual(value, expected));
  });
}

function hmac(key: KeyObject, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Hashed first, so that lengths are equal and tell nothing. */
function isAnyOf(secrets: readonly Secret[], given: string): boolean {
  const givenHash = hash(given);
  return anyOf(secrets, (secret) => timingSafeEqual(secret.hash, givenHash));
}

/** Asks for all of them, so that the time does not tell which one it was. */
function anyOf<T>(values: readonly T[], matches: (value: T) => boolean): boolean {
  return values.map(matches).includes(true);
}
