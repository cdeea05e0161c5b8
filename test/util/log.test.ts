import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLog, describeError, type LogFields, type LogLevel, logLevels } from '../../src/util/log.ts';

function write(level: LogLevel, message: string, fields?: LogFields): string[] {
  const lines: string[] = [];
  const log = createLog(
    level,
    (line) => lines.push(line),
    () => new Date(1_785_500_000_123),
  );
  log.warn(message, fields);
  return lines;
}

describe('a log line', () => {
  it('has time, level, message and fields', () => {
    expect(
      write('info', 'Repo could not be read', { repo: 'acme/shop', tries: 3, isNew: false, at: null }),
    ).toEqual([
      '2026-07-31T12:13:20.123Z warn  Repo could not be read repo=acme/shop tries=3 isNew=false at=null',
    ]);
  });

  it('leaves out a field without a value', () => {
    expect(write('info', 'Listening', { address: undefined, port: 0 })).toEqual([
      '2026-07-31T12:13:20.123Z warn  Listening port=0',
    ]);
  });

  it.each([
    ['127.0.0.1:3672', '127.0.0.1:3672'],
    ['[::1]:3672', '[::1]:3672'],
    ['acme/shop', 'acme/shop'],
    ['120d', '120d'],
    ['', '""'],
    ['two words', '"two words"'],
    ['a=b', '"a=b"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['ünï', '"ünï"'],
    ['two\nlines', '"two lines"'],
    ['\u001b[31mred\u001b[0m', '" [31mred [0m"'],
  ])('writes the value %j as %s', (value, written) => {
    expect(write('info', 'Message', { key: value })[0]?.split(' key=')[1]).toBe(written);
  });

  it('replaces characters that end a line or drive a terminal by spaces', () => {
    expect(
      write('info', 'one\r\ntwo\tthree\u0000four\u001b[2Jfive\u0085six\u2028seven\u2029eight\u007f'),
    ).toEqual(['2026-07-31T12:13:20.123Z warn  one two three four [2Jfive six seven eight ']);
  });

  it('is one line, whatever it contains', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\n', '\r', '\u001b', '"', '\\', 'a', '\u2028', '\u0090') }),
    );
    fc.assert(
      fc.property(anyText, anyText, (message, value) => {
        const lines = write('debug', message, { value });
        expect(lines.length).toBe(1);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        expect(lines[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
      { numRuns: 500, seed: 20_260_731 },
    );
  });

  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('at level %s is written for %j', (level, written) => {
    const lines: string[] = [];
    const log = createLog(level, (line) => lines.push(line));
    for (const each of logLevels) log[each]('Message');
    expect(lines.map((line) => line.split(/ +/)[1])).toEqual(written);
  });

  it('goes to standard output, with the time at which it was written', () => {
    const spy = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => spy.mockRestore());
    const before = Date.now();
    createLog('info').info('Listening', { port: 3672 });
    const [text] = spy.mock.calls[0] ?? [];
    expect(spy.mock.calls.length).toBe(1);
    expect(text).toMatch(/^\S+Z info {2}Listening port=3672\n$/);
    const at = Date.parse(String(text).slice(0, 24));
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });
});

describe('describeError', () => {
  it('contains the error and its causes', () => {
    const cause = new Error('Connection was reset', { cause: new Error('ECONNRESET') });
    expect(describeError(new Error('Woodpecker gave no answer', { cause }))).toBe(
      'Woodpecker gave no answer: Connection was reset: ECONNRESET',
    );
  });

  it('does not repeat a cause that the message contains', () => {
    const error = new Error('Store cannot be written: disk is full', { cause: new Error('disk is full') });
    expect(describeError(error)).toBe('Store cannot be written: disk is full');
  });

  it('describes causes that are no errors, and values that are none', () => {
    expect(describeError(new Error('Stopped', { cause: 'SIGTERM' }))).toBe('Stopped: SIGTERM');
    expect(describeError('SIGTERM')).toBe('SIGTERM');
    expect(describeError(undefined)).toBe('undefined');
  });
});
