import type { NetworkConfig } from '../config/network.ts';
import type { TransportOptions } from './transport.ts';

/**
 * A transport's options as section `network` of the configuration has them; who it is to servers is left to the caller.
 * Files are named here and read where a connection needs them.
 * @param userAgent where the configuration names none
 * @param caFrom what names the file of additional authorities
 */
export function connectionOptions(
  network: NetworkConfig,
  userAgent: string,
  caFrom = 'network.ca_file',
): Omit<TransportOptions, 'authorization' | 'onRetry'> {
  const { caFile, clientCertificate, clientKey } = network;
  return {
    userAgent: network.userAgent ?? userAgent,
    retries: network.retries,
    requestTimeout: network.requestTimeout,
    stallTimeout: network.stallTimeout,
    proxy: network.proxy,
    authorities: {
      added: caFile === undefined ? undefined : { path: caFile, from: caFrom },
      system: network.systemAuthorities,
    },
    clientCertificate:
      clientCertificate === undefined
        ? undefined
        : {
            certificate: { path: clientCertificate, from: 'network.client_certificate' },
            key: { path: clientKey!, from: 'network.client_key' },
          },
  };
}
