/** 10%, 10 % or 0.1; undefined for what is none. */
export function share(text: string): number | undefined {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim()) ?? []
  const value = Number(digits) / (percent === '%' ? 100 : 1)
  return value >= 0 && value <= 1 ? value : undefined
}
