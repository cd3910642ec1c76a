/** Runs so many pieces of work at once; the others wait their turn. */
export function createWorkQueue(concurrency: number) {
  let waiting: (() => Promise<unknown>)[] = []
  let running = 0

  function next() {
    const work = running < concurrency ? waiting.shift() : undefined
    if (work === undefined) return
    running += 1
    void work().finally(() => {
      running -= 1
      next()
    })
  }

  return {
    run: <Result>(work: () => Promise<Result>): Promise<Result> =>
      new Promise((resolve, reject) => {
        waiting.push(() => work().then(resolve, reject))
        next()
      }),
    clear(): void {
      waiting = []
    },
  }
}
