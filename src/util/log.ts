/**
 * Writes log lines: time, level, message, and fields as `key=value`. Each entry is one line.
 *
 * Callers must not pass secrets, only their names and paths.
 */

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** `write` gets a line without its newline. */
export function createLog(
  level: LogLevel,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
  now: () => Date = () => new Date(),
): Log {
  const threshold = logLevels.indexOf(level);
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(lineLevel) < threshold) return;
      const parts = Object.entries(fields).flatMap(([key, value]) =>
        value === undefined ? [] : [`${key}=${format(value)}`],
      );
      write([now().toISOString(), lineLevel.padEnd(5), oneLine(message), ...parts].join(' '));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The message of an error and of its causes; a cause that the message already contains is omitted. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${describeError(error.cause)}`;
  return error.message.includes(cause.slice(2)) ? error.message : `${error.message}${cause}`;
}

function format(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w./:@#*+[\]-]+$/.test(value) ? value : JSON.stringify(oneLine(value));
}

/** Replaces control characters: with them a sender could forge lines or control a terminal. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}
