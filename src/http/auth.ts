/**
 * Checks the secret of a request: a bearer token, the password of HTTP Basic, or a signature over the raw body.
 *
 * Guarantees: the time of a comparison does not depend on the given value; if there are several secrets, each is valid.
 */

import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** Tolerance of Standard Webhooks for the age of a signature, in seconds. */
const signatureAgeSeconds = 300;
const sha256Bytes = 32;

/** A secret in the forms that comparisons need. Signing with raw bytes would take three times as long in Node. */
export interface Secret {
  /** SHA-256 of the text. */
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

/** Whether `Authorization: Bearer` contains one of the secrets. */
export function hasBearer(headers: Headers, secrets: readonly Secret[]): boolean {
  const match = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '');
  return match?.[1] !== undefined && isAnyOf(secrets, match[1]);
}

/** Whether `Authorization: Basic` contains one of the secrets as the password, with any user name. */
export function hasBasicPassword(headers: Headers, secrets: readonly Secret[]): boolean {
  const match = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(headers.get('authorization') ?? '');
  const decoded = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon >= 0 && isAnyOf(secrets, decoded.slice(colon + 1));
}

/** The proof in a webhook's headers: the secret itself, or a signature that needs the body for its check. */
export type WebhookProof =
  | { readonly kind: 'secret' }
  | { readonly kind: 'signature'; confirms(body: Uint8Array): boolean };

/**
 * The proof in the headers of a webhook; `null`: there is none, or its signature cannot be valid for any body. The caller
 * can thus refuse a request before it reads the body. `now`: Unix seconds. Standard Webhooks:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookProof(headers: Headers, secrets: readonly Secret[], now: number): WebhookProof | null {
  if (hasBearer(headers, secrets)) return { kind: 'secret' };
  const signatures = [
    hexSignature(headers.get('x-hub-signature-256')),
    hexSignature(headers.get('x-drone-signature')),
    standardSignature(headers, now),
  ].filter((signature) => signature !== null);
  if (signatures.length === 0) return null;
  return {
    kind: 'signature',
    confirms: (body) => signatures.some((isMadeFor) => isMadeFor(body, secrets)),
  };
}

type Signature = (body: Uint8Array, secrets: readonly Secret[]) => boolean;

function hexSignature(header: string | null): Signature | null {
  const match = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '');
  if (!match?.[1]) return null;
  const given = Buffer.from(match[1], 'hex');
  return (body, secrets) => anyOf(secrets, ({ key }) => timingSafeEqual(hmac(key, body), given));
}

function standardSignature(headers: Headers, now: number): Signature | null {
  const id = headers.get('webhook-id');
  const timestamp = headers.get('webhook-timestamp') ?? '';
  if (!id || !/^\d{1,12}$/.test(timestamp)) return null;
  if (Math.abs(now - Number(timestamp)) > signatureAgeSeconds) return null;
  const given = (headers.get('webhook-signature') ?? '')
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .filter((signature) => signature.length === sha256Bytes);
  if (given.length === 0) return null;
  return (body, secrets) => {
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
    return anyOf(secrets, ({ standardKey }) => {
      const expected = hmac(standardKey, signed);
      return anyOf(given, (value) => timingSafeEqual(expected, value));
    });
  };
}

function hmac(key: KeyObject, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares hashes, since they have equal lengths: the time does not show the length of a secret. */
function isAnyOf(secrets: readonly Secret[], given: string): boolean {
  const givenHash = hash(given);
  return anyOf(secrets, (secret) => timingSafeEqual(secret.hash, givenHash));
}

/** Always compares with all values: the time does not show which one matched. */
function anyOf<T>(values: readonly T[], matches: (value: T) => boolean): boolean {
  return values.map(matches).includes(true);
}
