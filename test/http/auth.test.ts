import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hasBasicPassword, hasBearer, toSecret, webhookProof } from '../../src/http/auth.ts';

const texts = ['correct-horse', 'battery-staple'];
const secrets = texts.map(toSecret);
const body = Buffer.from('{"repo":"acme/shop","number":12}');
const now = 1_785_500_450;

const bearer = (authorization: string) => hasBearer(new Headers({ authorization }), secrets);
const basic = (authorization: string) => hasBasicPassword(new Headers({ authorization }), secrets);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const hex = (secret: string, data: Uint8Array = body) =>
  createHmac('sha256', secret).update(data).digest('hex');

describe('hasBearer', () => {
  it.each(['Bearer correct-horse', 'bearer correct-horse', 'BEARER   battery-staple'])(
    'takes "%s"',
    (header) => {
      expect(bearer(header)).toBe(true);
    },
  );

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Bearer correct',
    'Bearer correct-horse2',
    'Bearer correct-horse battery-staple',
    'Bearer correct-horse, Bearer x',
    'Bearer Correct-Horse',
    'Bearercorrect-horse',
    'Token correct-horse',
    'correct-horse',
    `Basic ${base64('x:correct-horse')}`,
  ])('refuses "%s"', (header) => {
    expect(bearer(header)).toBe(false);
  });

  it('refuses whoever presents nothing', () => {
    expect(hasBearer(new Headers(), secrets)).toBe(false);
    expect(hasBearer(new Headers({ authorization: 'Bearer undefined' }), secrets)).toBe(false);
  });
});

describe('hasBasicPassword', () => {
  it('takes any user with the password', () => {
    for (const user of ['prometheus', '', 'ünï']) {
      expect(basic(`Basic ${base64(`${user}:correct-horse`)}`)).toBe(true);
      expect(basic(`basic ${base64(`${user}:battery-staple`)}`)).toBe(true);
    }
  });

  it('takes a password that holds colons', () => {
    const headers = new Headers({ authorization: `Basic ${base64('user:a:b:c')}` });
    expect(hasBasicPassword(headers, [toSecret('a:b:c')])).toBe(true);
  });

  it.each([
    `Basic ${base64('correct-horse')}`,
    `Basic ${base64('correct-horse:')}`,
    `Basic ${base64('user:correct')}`,
    `Basic ${base64('user:x:correct-horse')}`,
    'Basic user:correct-horse',
    'Basic !!!',
    'Basic ',
    'Bearer correct-horse',
    `Bearer ${base64('user:correct-horse')}`,
    '',
  ])('refuses "%s"', (header) => {
    expect(basic(header)).toBe(false);
  });
});

describe('webhookProof', () => {
  const isAuthenticAt = (
    headers: Readonly<Record<string, string>>,
    given: readonly string[],
    data: Uint8Array,
    at: number,
  ) => {
    const proof = webhookProof(new Headers(headers), given.map(toSecret), at);
    return proof !== null && (proof.kind === 'secret' || proof.confirms(data));
  };
  const isAuthentic = (
    headers: Readonly<Record<string, string>>,
    given: readonly string[] = texts,
    data = body,
  ) => isAuthenticAt(headers, given, data, now);

  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['a wrong bearer token', { authorization: 'Bearer wrong' }],
    ['the secret as the password of Basic', { authorization: `Basic ${base64('x:correct-horse')}` }],
    ['a signature that is too short', { 'x-hub-signature-256': `sha256=${'0'.repeat(63)}` }],
    ['a signature of another algorithm', { 'x-drone-signature': `sha1=${'0'.repeat(64)}` }],
    [
      'a signature without its time',
      { 'webhook-id': 'a', 'webhook-signature': `v1,${base64('x'.repeat(32))}` },
    ],
    [
      'a signature that is too old',
      {
        'webhook-id': 'a',
        'webhook-timestamp': String(now - 301),
        'webhook-signature': `v1,${base64('x'.repeat(32))}`,
      },
    ],
    [
      'a signature of too few bytes',
      {
        'webhook-id': 'a',
        'webhook-timestamp': String(now),
        'webhook-signature': `v1,${base64('x'.repeat(31))}`,
      },
    ],
  ])('is none if the headers hold %s, whatever the body may be', (_, headers) => {
    expect(webhookProof(new Headers(headers), secrets, now)).toBe(null);
  });

  it('waits for the body if the headers hold a signature that a body could confirm', () => {
    const headers = { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
    expect(webhookProof(new Headers(headers), secrets, now)?.kind).toBe('signature');
  });

  it('is the secret if the bearer token is right, beside a signature that is wrong', () => {
    const headers = { authorization: 'Bearer correct-horse', 'x-hub-signature-256': 'sha256=0' };
    expect(webhookProof(new Headers(headers), secrets, now)).toEqual({ kind: 'secret' });
  });

  it('takes the secret as a bearer token, and none as the password of Basic', () => {
    expect(isAuthentic({ authorization: 'Bearer battery-staple' })).toBe(true);
    expect(isAuthentic({ authorization: `Basic ${base64('x:battery-staple')}` })).toBe(false);
    expect(isAuthentic({})).toBe(false);
  });

  describe.each(['X-Hub-Signature-256', 'X-Drone-Signature'])('by %s', (name) => {
    it('takes the example of GitHub’s documentation', () => {
      const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
      const hello = Buffer.from('Hello, World!');
      expect(isAuthentic({ [name]: signature }, ["It's a Secret to Everybody"], hello)).toBe(true);
    });

    it('takes a signature made with any of the secrets, in either case', () => {
      for (const secret of texts) {
        expect(isAuthentic({ [name]: `sha256=${hex(secret)}` })).toBe(true);
        expect(isAuthentic({ [name]: `SHA256=${hex(secret).toUpperCase()}` })).toBe(true);
      }
    });

    it('takes whatever bytes were signed', () => {
      const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x0a, 0x7d]);
      expect(isAuthentic({ [name]: `sha256=${hex('correct-horse', bytes)}` }, texts, bytes)).toBe(true);
    });

    it('takes the whole text of a whsec_ secret as its key', () => {
      const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
      expect(isAuthentic({ [name]: `sha256=${hex(secret)}` }, [secret])).toBe(true);
    });

    it.each([
      ['of another body', `sha256=${hex('correct-horse', Buffer.from('{}'))}`],
      ['of another secret', `sha256=${hex('correct-horse2')}`],
      ['without its algorithm', hex('correct-horse')],
      ['of sha1', `sha1=${createHmac('sha1', 'correct-horse').update(body).digest('hex')}`],
      ['of sha512', `sha512=${createHmac('sha512', 'correct-horse').update(body).digest('hex')}`],
      [
        'of sha512 under a false name',
        `sha256=${createHmac('sha512', 'correct-horse').update(body).digest('hex')}`,
      ],
      ['that is cut', `sha256=${hex('correct-horse').slice(0, 62)}`],
      ['that is too long', `sha256=${hex('correct-horse')}00`],
      ['that is no hexadecimal', `sha256=${'g'.repeat(64)}`],
      ['that is empty', 'sha256='],
      ['that is absent', ''],
    ])('refuses one %s', (_, signature) => {
      expect(isAuthentic({ [name]: signature })).toBe(false);
    });
  });

  it('does not take the header of the older algorithm', () => {
    expect(isAuthentic({ 'X-Hub-Signature': `sha256=${hex('correct-horse')}` })).toBe(false);
  });

  describe('by Standard Webhooks', () => {
    const signature = (secret: Uint8Array | string, id: string, timestamp: number | string, data = body) =>
      `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(data).digest('base64')}`;
    const signed = (overrides: Readonly<Record<string, string>> = {}, timestamp: number | string = now) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature('correct-horse', 'msg_1', timestamp),
      ...overrides,
    });

    it('takes the example of its reference libraries', () => {
      const headers = {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      };
      const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
      const data = Buffer.from('{"test": 2432232314}');
      expect(isAuthenticAt(headers, [secret], data, 1_614_265_330)).toBe(true);
      expect(isAuthenticAt(headers, ['other', secret], data, 1_614_265_330)).toBe(true);
      // The secret without its prefix is another one: its text is then the key.
      expect(isAuthenticAt(headers, [secret.slice(6)], data, 1_614_265_330)).toBe(false);
    });

    it('takes the bytes of any other secret as its key, and any of the secrets', () => {
      expect(isAuthentic(signed())).toBe(true);
      expect(isAuthentic(signed({ 'webhook-signature': signature('battery-staple', 'msg_1', now) }))).toBe(
        true,
      );
    });

    it('takes one right signature among several', () => {
      const right = signature('correct-horse', 'msg_1', now);
      const wrong = signature('wrong', 'msg_1', now);
      expect(isAuthentic(signed({ 'webhook-signature': `v1a,AAAA ${wrong} ${right}` }))).toBe(true);
      expect(isAuthentic(signed({ 'webhook-signature': `v1a,AAAA ${wrong}` }))).toBe(false);
    });

    it('takes it five minutes before and after it was made, and no longer', () => {
      expect([now - 300, now + 300].map((at) => isAuthentic(signed({}, at)))).toEqual([true, true]);
      expect([now - 301, now + 301].map((at) => isAuthentic(signed({}, at)))).toEqual([false, false]);
    });

    it.each<[string, Record<string, string>]>([
      ['another id', { 'webhook-id': 'msg_2' }],
      ['no id', { 'webhook-id': '' }],
      ['another time', { 'webhook-timestamp': String(now + 1) }],
      ['no time', { 'webhook-timestamp': '' }],
      ['no signature', { 'webhook-signature': '' }],
      [
        'a signature of another version',
        { 'webhook-signature': signature('correct-horse', 'msg_1', now).replace('v1', 'v2') },
      ],
      [
        'a signature without its version',
        { 'webhook-signature': signature('correct-horse', 'msg_1', now).slice(3) },
      ],
      [
        'a signature that is cut',
        { 'webhook-signature': signature('correct-horse', 'msg_1', now).slice(0, 40) },
      ],
      ['a signature that is empty', { 'webhook-signature': 'v1,' }],
      [
        'a signature of another body',
        { 'webhook-signature': signature('correct-horse', 'msg_1', now, Buffer.from('{}')) },
      ],
      [
        'a signature in hexadecimal',
        {
          'webhook-signature': `v1,${Buffer.from(signature('correct-horse', 'msg_1', now).slice(3), 'base64').toString('hex')}`,
        },
      ],
    ])('refuses one with %s', (_, overrides) => {
      expect(isAuthentic(signed(overrides))).toBe(false);
    });

    it.each(['', 'now', '1785500450.5', '-1785500450', '1e9', ' ', '0x6A6B', '17855004500000000'])(
      'refuses "%s" as a time, though it is signed',
      (timestamp) => {
        expect(isAuthentic(signed({}, timestamp))).toBe(false);
      },
    );
  });
});
