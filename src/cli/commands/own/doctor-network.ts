import { isStellaError } from '../../../base/errors.ts';
import { maskProxy } from '../../../base/safety/masked-url.ts';
import type { Config } from '../../../config/config.ts';
import { Agents } from '../../../net/agents.ts';
import { connectionOptions } from '../../../net/configured.ts';
import { parseNoProxy } from '../../../net/no-proxy.ts';
import { type DoctorFinding, findingOf, ok, warning } from './doctor-finding.ts';

/** What keeps servers from being reached, as far as it can be seen without reaching one: proxies, and files of certificates. */
export function networkFindings({ offlineMode, network }: Config): DoctorFinding[] {
  if (offlineMode) return [ok('network', 'offline mode: no network is used')];
  const { http, https, except } = network.proxy;
  const findings: DoctorFinding[] = [];
  const attempt = (work: () => DoctorFinding | undefined): void => {
    try {
      const finding = work();
      if (finding) findings.push(finding);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      const finding = findingOf('network', error);
      // One variable may speak for both kinds of requests.
      if (!findings.some(({ detail }) => detail === finding.detail)) findings.push(finding);
    }
  };
  // What is excepted from the proxies is another matter than whether they can be used.
  const agents = new Agents({ ...connectionOptions(network, ''), proxy: { http, https } });
  for (const scheme of ['http', 'https'] as const) {
    attempt(() => {
      const proxy = agents.proxyFor(new URL(`${scheme}://server.example/`));
      if (!proxy) return undefined;
      const excepted = except === undefined ? '' : `, except ${except}`;
      return ok('network', `${scheme} by proxy ${maskProxy(proxy.url.href)} (${proxy.from})${excepted}`);
    });
  }
  if (http === undefined && https === undefined) findings.push(ok('network', 'no proxy'));
  const { unknown } = parseNoProxy(except ?? '');
  if (unknown.length > 0)
    findings.push(
      warning(
        'network',
        `NO_PROXY has entries that except nothing here: ${unknown.join(', ')}`,
        'docs/configuration.md has the forms that count',
      ),
    );
  attempt(() => {
    agents.readCertificates();
    return undefined;
  });
  return findings;
}
