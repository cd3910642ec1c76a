const language = document.documentElement.lang
const absolute = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })
const timeOnly = new Intl.DateTimeFormat(language, { timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
const steps = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** 75 → 1:15, 3700 → 1:01:40 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds))
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const shown = parts[0] > 0 ? parts : parts.slice(1)
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** 75 → 1 min 15 s; words for the eye and the ear alike. */
export function duration(seconds) {
  if (typeof seconds !== 'number') return 'not known yet'
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`
}

/** 0.42 → 0.4 s, 12.3 → 12 s */
export function waited(seconds) {
  if (typeof seconds !== 'number') return ''
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
}

export function dateTime(iso) {
  const time = new Date(iso)
  return Number.isNaN(time.valueOf()) ? 'unknown' : absolute.format(time)
}

/** The hour of a time that is today to whoever reads it. */
export function hour(iso) {
  return timeOnly.format(new Date(iso))
}

export function ago(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000
  if (Number.isNaN(seconds)) return 'unknown'
  const step = steps.find(([, size]) => Math.abs(seconds) >= size)
  return step ? relative.format(Math.round(seconds / step[1]), step[0]) : 'just now'
}

const reasons = {
  user: 'You',
  provider: 'The provider',
  max_duration: 'Time limit',
  participant_left: 'Everyone had left',
  reconcile: 'Found ended',
  error: 'An error',
}

/** Who or what ended a conversation; the provider's own reason tells a call that nobody joined from one that was left. */
export function reason({ end_reason: endReason, shutdown_reason: shutdownReason }) {
  if (endReason === 'participant_left' && shutdownReason === 'participant_absent_timeout') return 'Nobody joined'
  return endReason ? (reasons[endReason] ?? endReason.replaceAll('_', ' ')) : ''
}

/** A state in words, with the tone of its dot. */
export function state(status) {
  switch (status) {
    case 'active':
      return { text: 'Running', tone: 'live' }
    case 'ending':
      return { text: 'Ending', tone: 'wait' }
    case 'completed':
      return { text: 'Completed', tone: 'good' }
    case 'failed':
      return { text: 'Failed', tone: 'bad' }
    default:
      return { text: status ? String(status) : 'Unknown', tone: 'wait' }
  }
}

/** There is no custom model to warm, which is no news of a call. */
export const isModelOff = (result) => result?.skipped === true && result.reason === 'disabled'

/** The prewarm of the model in words, with the tone of its dot. */
export function prewarm(result) {
  if (!result) return { text: 'Not known', tone: 'wait' }
  if (isModelOff(result)) return { text: 'Skipped: disabled', tone: 'off' }
  if (result.skipped) return { text: `Skipped: ${result.reason ?? 'no reason given'}`, tone: 'wait' }
  const time = waited(result.duration_sec)
  if (result.success) return { text: time ? `Warm after ${time}` : 'Warm', tone: 'good' }
  return { text: `Failed${time && ` after ${time}`}: ${result.error ?? 'no reason given'}`, tone: 'bad' }
}

/** The state of the call's row in words, with the tone of its dot. */
export function tracking(value) {
  if (value === 'success') return { text: 'Success: the call is stored', tone: 'good' }
  if (value === 'pending') return { text: 'Pending: still being stored', tone: 'wait' }
  const text = String(value ?? 'not known')
  return { text: text[0].toUpperCase() + text.slice(1), tone: text.startsWith('failed') ? 'bad' : 'wait' }
}
