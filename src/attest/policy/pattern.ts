import { RE2JS } from 're2js';
import { StellaError } from '../../base/errors.ts';
import type { TextRule } from './identity-rule.ts';

/** Characters of a pattern. */
const MAX_PATTERN_LENGTH = 1000;
/** Instructions of a compiled pattern: the steps that matching takes at most for each character of the text. */
const MAX_PATTERN_STEPS = 2000;
/** Characters of a text that is compared with a pattern; a longer one fits none. */
const MAX_TEXT_LENGTH = 4096;
const MAX_REMEMBERED = 1000;

const compiled = new Map<string, RE2JS>();

/**
 * A pattern in RE2's syntax. It matches whole texts only, whatever anchors it has itself, in a time that is proportional
 * to the length of the text.
 * @throws StellaError USAGE for what is no pattern, uses look-around, backreferences or other syntax that RE2 does not
 * have, or would take too long
 */
export function parsePattern(source: string): TextRule {
  compile(source);
  return { matches: source };
}

/** Whether a text is what the rule demands. @throws StellaError USAGE, as {@link parsePattern} does */
export function fitsText(rule: TextRule, text: string): boolean {
  if ('exactly' in rule) return rule.exactly === text;
  return text.length <= MAX_TEXT_LENGTH && compile(rule.matches).testExact(text);
}

function compile(source: string): RE2JS {
  const known = compiled.get(source);
  if (known) return known;
  // Programs that are not type-checked may still hand over JavaScript's own kind.
  if (typeof source !== 'string' || source.length === 0 || source.length > MAX_PATTERN_LENGTH)
    throw new StellaError('USAGE', `a pattern must be text of 1 to ${MAX_PATTERN_LENGTH} characters`);
  const pattern = parse(source);
  if (pattern.programSize() > MAX_PATTERN_STEPS)
    throw new StellaError('USAGE', `the regular expression takes too many steps: ${source}`, {
      hint: 'repeat less, e.g. with * or + instead of {0,500}, or give several patterns in a policy',
    });
  if (compiled.size >= MAX_REMEMBERED) compiled.clear();
  compiled.set(source, pattern);
  return pattern;
}

function parse(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : '';
    throw new StellaError('USAGE', `not a regular expression of RE2: ${source} (${why})`, {
      hint: 'write it without look-around and backreferences, and \\x{41} instead of \\u0041; matching must take linear time',
      cause,
    });
  }
}
