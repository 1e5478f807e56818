// Preloaded with --require: makes every way to a socket or a name server fail, and names the call on stderr.
const fail = (name) => () => {
  process.stderr.write(`socket call: ${name}\n`);
  throw Object.assign(new Error(`${name} is not allowed in this test`), { code: 'ENETDOWN' });
};
for (const [module, names] of Object.entries({
  'node:net': ['connect', 'createConnection', 'createServer'],
  'node:tls': ['connect', 'createServer'],
  'node:http': ['request', 'get', 'createServer'],
  'node:https': ['request', 'get', 'createServer'],
  'node:http2': ['connect'],
  'node:dgram': ['createSocket'],
  'node:dns': [
    'lookup',
    'lookupService',
    'resolve',
    'resolve4',
    'resolve6',
    'resolveTxt',
    'resolveAny',
    'reverse',
  ],
  'node:dns/promises': [
    'lookup',
    'lookupService',
    'resolve',
    'resolve4',
    'resolve6',
    'resolveTxt',
    'resolveAny',
    'reverse',
  ],
}))
  for (const name of names) require(module)[name] = fail(`${module} ${name}`);
require('node:net').Socket.prototype.connect = fail('Socket.connect');
require('node:net').Server.prototype.listen = fail('Server.listen');
globalThis.fetch = fail('fetch');
require('node:module').syncBuiltinESMExports();
