/** `a948 904f …` in two lines: a fingerprint as it is read out. */
export function groupedHex(hex: string): [string, string] {
  const groups = hex.match(/.{1,4}/g) ?? [];
  return [groups.slice(0, 8).join(' '), groups.slice(8).join(' ')];
}
