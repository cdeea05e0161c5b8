/** What is wrong with a connection, in words that say what to change. */

const wrongProtocolCodes = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);
/** Of Node's TLS: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const untrustedCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** `fetch` hides the reason in its cause: one, or one for each address that it tried. */
export function describeFailedFetch(error: Error): string {
  const { cause } = error;
  const causes = (cause instanceof AggregateError ? cause.errors : [cause]).filter(
    (one): one is Error & { code?: unknown } => one instanceof Error,
  );
  const hasCode = (codes: ReadonlySet<string>) => causes.some(({ code }) => codes.has(String(code)));
  if (hasCode(wrongProtocolCodes)) return 'it speaks http, not https: change the URL';
  const reasons = [...new Set(causes.map(({ message }) => message))].join('; ');
  if (hasCode(untrustedCodes)) {
    return `its certificate is not trusted (${reasons}): set NODE_EXTRA_CA_CERTS to the file of its authority`;
  }
  return reasons === '' ? error.message : `${error.message} (${reasons})`;
}

/** `null`: the answer to `path` is no redirect. Names no query, which may hold a secret. */
export function describeRedirect({ status, headers, url }: Response, path: string): string | null {
  const location = headers.get('location');
  if (status < 300 || status >= 400 || location === null) return null;
  const target = URL.parse(location, url);
  if (!target) return `redirects to an address that cannot be read (${status})`;
  const [pathWithoutQuery = path] = path.split('?');
  const whole = target.origin + target.pathname;
  return whole.endsWith(pathWithoutQuery)
    ? `redirects to ${whole.slice(0, -pathWithoutQuery.length)}: set the URL to that`
    : `redirects to ${whole}: check what stands before it, such as a login`;
}

const longestNote = 1024;

/** Whether a server that speaks https was asked over http: Go, nginx and Apache say so in a short text with 400. */
export async function refusesPlainHttp(url: string, answer: Response): Promise<boolean> {
  const length = Number(answer.headers.get('content-length') ?? Number.NaN);
  const isShort = length <= longestNote || answer.headers.get('connection') === 'close';
  if (answer.status !== 400 || !url.startsWith('http:') || !isShort) return false;
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > longestNote) break;
  }
  return /https|ssl-enabled/i.test(text);
}
