/** The calendar day of a moment where somebody lives, as YYYY-MM-DD; in UTC where the time zone is not known. */
export function dayIn(timezone: string, at: string): string {
  const moment = new Date(at)
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    }).formatToParts(moment)
    const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
    return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`
  } catch {
    return moment.toISOString().slice(0, 10)
  }
}
