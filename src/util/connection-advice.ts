/** Messages about a failed connection, with the remedy. */

const wrongProtocolCodes = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);
/** Codes of Node's TLS: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const untrustedCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** `fetch` puts the reason into its cause: one error, or one for each address that it tried. */
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

/** Describes a redirect and the remedy, without the query, which may contain a secret; `null`: the answer is no redirect. */
export function describeRedirect({ status, headers, url }: Response, path: string): string | null {
  const location = headers.get('location');
  if (status < 300 || status >= 400 || location === null) return null;
  const target = URL.parse(location, url);
  if (!target) return `redirects to an address that cannot be read (${status})`;
  const [pathWithoutQuery = path] = path.split('?');
  const whole = target.origin + target.pathname;
  const requested = URL.parse(url);
  if (requested && whole === requested.origin + requested.pathname)
    return `redirects to itself, ${whole}: check the proxy before it`;
  return whole.endsWith(pathWithoutQuery)
    ? `redirects to ${whole.slice(0, -pathWithoutQuery.length)}: set the URL to that`
    : `redirects to ${whole}: check the proxy before it, which may demand a login`;
}

const longestNote = 1024;
const longestHead = 16 * 1024;
const longestTitle = 80;

/** Describes an answer that is not JSON, and the remedy. */
export async function describeOtherType(answer: Response): Promise<string> {
  const type = (answer.headers.get('content-type') ?? '').slice(0, longestTitle);
  const title = type.includes('html') ? await titleOf(answer) : null;
  await answer.body?.cancel().catch(() => undefined);
  if (title === null) return `"${type}", not JSON: check the URL and the proxy before it`;
  const what = `a page, "${title}", in place of JSON`;
  // Woodpecker's web interface answers every path that it does not know.
  return /^woodpecker/i.test(title)
    ? `${what}: check that the URL is Woodpecker's root`
    : `${what}: check the URL and the proxy before it, which may demand a login`;
}

async function titleOf(answer: Response): Promise<string | null> {
  const text = await readStart(answer, longestHead);
  const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1] ?? '';
  return (
    title
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .slice(0, longestTitle) || null
  );
}

/** The beginning of the body: reads chunks until they have more than `most` characters. */
async function readStart({ body }: Response, most: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  const reader = body?.getReader();
  while (reader && text.length <= most) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader?.releaseLock();
  return text;
}

/** Whether an https server got a request over http: Go, nginx and Apache then answer 400 with a short text. */
export async function refusesPlainHttp(url: string, answer: Response): Promise<boolean> {
  const length = Number(answer.headers.get('content-length') ?? Number.NaN);
  const isShort = length <= longestNote || answer.headers.get('connection') === 'close';
  if (answer.status !== 400 || !url.startsWith('http:') || !isShort) return false;
  return /https|ssl-enabled/i.test(await readStart(answer, longestNote));
}
