/** Parses the listen addresses of the settings. */

import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The form that `parseAddress` accepts. */
export const addressWords = 'host:port, :port or [ipv6]:port with a port from 0 to 65535';

/** `null` if the text is no address. */
export function parseAddress(text: string): Address | null {
  const [, ipv6, name, digits] = /^(?:\[([^[\]]+)\]|([^[\]\s:/]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? (name || '0.0.0.0');
  const port = Number(digits);
  if (!(port <= 65_535)) return null;
  const isHost = ipv6 !== undefined ? isIPv6(ipv6) : /^[\d.]+$/.test(host) ? isIPv4(host) : isName(host);
  return isHost ? { host, port } : null;
}

/** Whether a text can be a host name. Container names may contain underscores. */
function isName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))*\.?$/.test(text);
}

/** Whether the system would refuse to listen on both: a wildcard uses the port on every address of its family. */
export function doCollide(a: Address, b: Address): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const hosts = [a.host.toLowerCase(), b.host.toLowerCase()];
  if (hosts[0] === hosts[1] || hosts.includes('::')) return true;
  return hosts.includes('0.0.0.0') && hosts.every((host) => isIPv4(host));
}
