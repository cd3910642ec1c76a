/** Items by sequence number, found by bisection, so that a page costs what it shows. */
export class SortedList<Item extends { seq: number }> {
  readonly #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  add(item: Item): void {
    this.#items.splice(this.#position(item.seq), 0, item)
  }

  remove(item: Item): void {
    const position = this.#position(item.seq)
    if (this.#items[position] === item) this.#items.splice(position, 1)
  }

  /** The newest come first. */
  page(page: number, limit: number): Item[] {
    const end = this.#items.length - (page - 1) * limit
    return end <= 0 ? [] : this.#items.slice(Math.max(0, end - limit), end).reverse()
  }

  clear(): void {
    this.#items.length = 0
  }

  #position(seq: number): number {
    let [low, high] = [0, this.#items.length]
    // Nearly everything is added at the end.
    if (high > 0 && (this.#items[high - 1]?.seq ?? 0) < seq) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#items[middle]?.seq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
