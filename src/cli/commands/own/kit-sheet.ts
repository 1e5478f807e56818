import { groupedHex } from '../../report/fingerprint.ts';
import { escapeHtml, formatPage } from '../../report/html.ts';
import { type KitCommand, type KitFacts, kitCommandParts, kitTerms } from './kit-text.ts';

const STYLE = `body{font:11pt/1.4 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
h1{font-size:1.4rem;margin:0 0 .6rem}h2{font-size:1.05rem;margin:1.1rem 0 .3rem;break-after:avoid}p{margin:.3rem 0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem;margin:0}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
code{font-family:ui-monospace,monospace;font-variant-ligatures:none}.hex{display:block;white-space:pre}.big .hex{font-size:1.15rem}
pre{border:1px solid #777;padding:.5rem;margin:.4rem 0;white-space:pre-wrap;font-size:.82rem;break-inside:avoid}
.part{white-space:pre}.name{overflow-wrap:anywhere}
.line{border-bottom:1px solid #111;height:1.5rem}section{break-inside:avoid}
@media print{body{margin:0;padding:0;max-width:none;font-size:10.5pt}@page{margin:16mm}}`;

const BLANK_LINES = '<p class="line"></p><p class="line"></p>';

/** The sheet to print. Nothing of it is wider than a page but a file's name, which alone may be broken. */
export function kitSheet(facts: KitFacts): string {
  const { first, later, verify } = kitCommandParts(facts);
  const { root, signers, executable, base } = facts;
  const strangers = signers.filter(({ named }) => !named);
  const short = kitTerms(facts).filter(([term]) => !['Root', 'Sealed by', 'Program'].includes(term));
  return formatPage(
    `stella: ${facts.bundle}`,
    STYLE,
    `<main>
<h1>Trust from the outside</h1>
<dl>${short.map(([term, ...lines]) => `<dt>${escapeHtml(term)}</dt><dd>${lines.map(escapeHtml).join('<br>')}</dd>`).join('')}</dl>
<p>This sheet travelled with the bundle, so it proves nothing by itself. Write down what you were told over another channel, and compare.</p>
${fingerprint(`Fingerprint of the root (version ${root.version})`, root.sha256, base === undefined)}
${signers
  .map(({ file, id, named }) =>
    fingerprint(
      `Fingerprint of the key that sealed the bundle (${file}${named ? ', which the TUF repository names' : ''})`,
      id,
      !named && base === undefined,
    ),
  )
  .join('\n')}
${executable === undefined ? '' : fingerprint('SHA-256 of the program (sha256sum ./stella)', executable, true)}
${
  base
    ? `<section><h2>Import</h2>
<p><strong>This is a delta.</strong> Only a machine that has imported bundle number ${base.sequence} (or a later one of the same signer) can use it. Any other machine needs a kit with a full bundle first.</p>
${command(later)}</section>`
    : `<section><h2>First import on a machine</h2>
<p>Fill in ${strangers.length > 0 ? 'the blanks' : 'the blank'} with what you wrote down; in groups, if you like, but then in quotes.</p>
${command(first)}</section>
<section><h2>Every later import</h2>
${command(later)}</section>`
}
<section><h2>Verify</h2>
${command(verify)}</section>
<p>README.txt on the medium has the rest.</p>
</main>`,
  );
}

function fingerprint(heading: string, hex: string, blank: boolean): string {
  const lines = groupedHex(hex).map((line) => `<span class="hex">${escapeHtml(line)}</span>`);
  return `<section><h2>${escapeHtml(heading)}</h2>
<p class="big"><code>${lines.join('')}</code></p>${blank ? BLANK_LINES : ''}</section>`;
}

/** One part to a line, to be typed as it stands; the name of the bundle stands on the first. */
function command([program, file, ...flags]: KitCommand): string {
  const part = (text: string) => `<span class="part">${escapeHtml(text)}</span>`;
  const isName = file!.startsWith('./') || file!.startsWith("'");
  const name = isName ? `<span class="name">${escapeHtml(file!)}</span>` : part(file!);
  return `<pre><code>${[`${part(program!)} ${name}`, ...flags.map((flag) => `  ${part(flag)}`)].join(' \\\n')}</code></pre>`;
}
