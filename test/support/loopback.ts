/** Which loopback addresses there are: a container may well be without that of IPv6. */

import { networkInterfaces } from 'node:os';

export const hasIpv6Loopback = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
