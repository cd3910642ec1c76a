const width = 30

/** A bar such as `[######    ] 20 %  140 of 700`. */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.round(share * width)
  return `[${'#'.repeat(filled)}${' '.repeat(width - filled)}] ${Math.floor(share * 100)} %  ${done} of ${total}`
}

export interface Terminal {
  isTTY?: boolean
  write: (text: string) => unknown
}

/** One line that is drawn over and over on a terminal, and a line for each tenth anywhere else. */
export function createProgressBar(output: Terminal) {
  let tenth = -1
  let drawn = false
  return {
    show(done: number, total: number): void {
      if (output.isTTY) {
        drawn = true
        return void output.write(`\r${bar(done, total)} `)
      }
      const reached = Math.floor((total === 0 ? 1 : done / total) * 10)
      if (reached > tenth) output.write(`${bar(done, total)}\n`)
      tenth = Math.max(tenth, reached)
    },
    /** Leaves the bar as it stands, so that another line can follow. */
    rest(): void {
      if (drawn) output.write('\n')
      drawn = false
    },
  }
}
