import type { Sha256Hex } from '../../../base/bytes.ts';
import { escapeHtml, formatPage } from '../../report/html.ts';

/** What the sheet and the guide of a kit say. */
export interface KitFacts {
  /** File name to give to `trust import`. */
  readonly bundle: string;
  /** Whether the kit has its own executable. */
  readonly executable: boolean;
  readonly sealedAt: string;
  readonly sequence: number;
  readonly staleAfterDays: number;
  /** Of the first root in the bundle. */
  readonly root: { readonly version: number; readonly sha256: Sha256Hex };
  readonly signers: readonly string[];
}

/** The two commands of the operator; `$` and quotes in names are harmless in single quotes. */
export function kitCommands(facts: KitFacts): { first: string; later: string; verify: string } {
  const stella = facts.executable ? './stella' : 'stella';
  const bundle = `./${facts.bundle}`;
  const file = /^[\w./-]+$/.test(bundle) ? bundle : `'${bundle.replaceAll("'", `'\\''`)}'`;
  const later = `${stella} trust import ${file} --verify-manifest --reject-if-stale ${facts.staleAfterDays}d`;
  return {
    later,
    first: `${later} --root-fingerprint sha256:${facts.root.sha256}`,
    verify: `${stella} attest verify ./ATTESTATION --artifact ./ARTIFACT --offline`,
  };
}

/** `a948 904f …`: a fingerprint as it is read aloud. */
const grouped = (hex: string) => hex.replace(/.{4}(?=.)/g, '$& ');

/** The short guide, plain text of at most 80 columns but for the commands. */
export function kitGuide(facts: KitFacts): string {
  const { first, later, verify } = kitCommands(facts);
  return `STELLA: TRUST FROM THE OUTSIDE, FOR VERIFYING WITHOUT A NETWORK

Bundle      ${facts.bundle}
Sealed at   ${facts.sealedAt}
Number      ${facts.sequence}
Good for    ${facts.staleAfterDays} days, the producer advises
Root        version ${facts.root.version}
            ${grouped(facts.root.sha256).slice(0, 39)}
            ${grouped(facts.root.sha256).slice(40)}

1. Check that nothing was damaged on the way, in this directory:

   sha256sum -c SHA256SUMS

2. The first import on a machine. Compare the root fingerprint above with the
   one that you were told over ANOTHER channel than this medium. Only then:

   ${first}

   Every later import, without the fingerprint:

   ${later}

3. Verify an attestation about an artifact:

   ${verify}

Exit status: 0 done; 2 a signature, digest or proof does not hold: stop and
report it; 4 something is wrong with the command or this machine; 5 too old: ask
for a newer kit. Every error comes with a hint that says what to do next. What
is wrong with this machine is said by:  ${facts.executable ? './stella' : 'stella'} doctor
A refused import changes nothing.
`;
}

const STYLE = `body{font:12pt/1.45 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.6rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}dt{font-weight:600}dd{margin:0}
code{font-family:ui-monospace,monospace}.big{font-size:1.25rem;letter-spacing:.03em;overflow-wrap:anywhere}
pre{border:1px solid #777;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
.line{border-bottom:1px solid #111;height:1.8rem}
@media print{body{margin:0;max-width:none}@page{margin:18mm}}`;

/** The sheet to print. */
export function kitSheet(facts: KitFacts): string {
  const { first, verify } = kitCommands(facts);
  const terms: readonly (readonly [string, string])[] = [
    ['Bundle', facts.bundle],
    ['Sealed at', facts.sealedAt],
    ['Number', String(facts.sequence)],
    ['Good for', `${facts.staleAfterDays} days, the producer advises`],
    ['Signed by', facts.signers.map((id) => `sha256:${id}`).join(', ')],
  ];
  return formatPage(
    `stella: ${facts.bundle}`,
    STYLE,
    `<main>
<h1>Trust from the outside</h1>
<dl>${terms.map(([term, text]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`).join('')}</dl>
<h2>Fingerprint of the root (version ${facts.root.version})</h2>
<p class="big"><code>${escapeHtml(grouped(facts.root.sha256))}</code></p>
<p>This sheet travelled with the bundle, so it proves nothing by itself. Write down what you were told over another channel, and compare:</p>
<p class="line"></p><p class="line"></p>
<h2>First import on a machine</h2>
<pre><code>${escapeHtml(first)}</code></pre>
<h2>Verify</h2>
<pre><code>${escapeHtml(verify)}</code></pre>
<p>README.txt on the medium has the rest.</p>
</main>`,
  );
}
