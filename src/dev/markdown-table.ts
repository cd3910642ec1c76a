/** A table of Markdown with columns of even width, as the formatter wants them. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, n) => Math.max(3, cell.length, ...rows.map((row) => (row[n] ?? '').length)))
  const line = (cells: string[]) => `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
