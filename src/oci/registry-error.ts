import { excerpt } from '../base/bytes.ts';
import { peekJson } from '../base/json.ts';
import type { Answer, Transport } from '../net/transport.ts';

const MAX_ERROR_BYTES = 64 * 1024;

/** What to do where a request is refused for its length. */
export const TOO_LONG_HINTS: readonly string[] = [
  'let the proxy before the registry take longer requests: for nginx `client_max_body_size 0;`, for its Kubernetes ingress the annotation `nginx.ingress.kubernetes.io/proxy-body-size: "0"`',
  'if it is the registry that limits layers or the space of a project, raise that limit, or push smaller layers with --split-size',
];

/**
 * The registry's own words for messages (distribution specification, "Error Codes"), as far as it finds any:
 * ` (DENIED: read only)`, or nothing. The answer is read or destroyed.
 */
export async function errorOf(answer: Answer, transport: Transport): Promise<string> {
  if (answer.method === 'HEAD') {
    answer.response.destroy();
    return '';
  }
  try {
    const bytes = await transport.read(answer, MAX_ERROR_BYTES);
    const { errors } = (peekJson(bytes) ?? {}) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = errors?.[0];
    const words = [first?.code, first?.message].filter((word) => typeof word === 'string');
    return words.length === 0 ? '' : ` (${excerpt(words.join(': '), 200)})`;
  } catch {
    return '';
  }
}
