/** Prints rows as a Markdown table, the first one as its head. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const [head, ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  process.stdout.write(line(head!) + line(head!.map(() => '---')) + body.map(line).join(''));
}
