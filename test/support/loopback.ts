/** The loopback addresses of this machine: a container may have none for IPv6. */

import { networkInterfaces } from 'node:os';

export const hasIpv6Loopback = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
