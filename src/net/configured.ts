import { readBounded } from '../base/files.ts';
import type { NetworkConfig } from '../config/network.ts';
import type { TransportOptions } from './transport.ts';

const MAX_PEM_BYTES = 4 * 1024 * 1024;

/**
 * A transport's options as section `network` of the configuration has them; who it is to servers is left to the caller.
 * @param userAgent where the configuration names none
 * @throws StellaError FILE_*
 */
export function connectionOptions(
  network: NetworkConfig,
  userAgent: string,
): Omit<TransportOptions, 'authorization' | 'onRetry'> {
  const text = (path: string) => readBounded(path, MAX_PEM_BYTES).toString('latin1');
  const { caFile, clientCertificate, clientKey } = network;
  return {
    userAgent: network.userAgent ?? userAgent,
    retries: network.retries,
    requestTimeout: network.requestTimeout,
    stallTimeout: network.stallTimeout,
    proxy: network.proxy,
    ca: caFile === undefined ? undefined : text(caFile),
    clientCertificate:
      clientCertificate === undefined
        ? undefined
        : { certificate: text(clientCertificate), key: text(clientKey!) },
  };
}
