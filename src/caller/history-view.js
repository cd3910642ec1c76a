import { announce, build, byId, showText } from './dom.js'
import { ago, dateTime, duration, prewarm, reason, state } from './format.js'
import { wordsOf } from './problem.js'

const SETTLE_TRIES = 4
const SETTLE_PAUSE_MS = 1500

/**
 * The list of past conversations.
 * @param {{ sessions: (cursor?: string) => Promise<{ items: import('./api.js').Session[], next_cursor: string | null }>,
 *   onOpen: (session: import('./api.js').Session) => void }} deps
 */
export function createHistoryView({ sessions, onOpen }) {
  const rows = byId('history-rows')
  const more = byId('history-more')
  let cursor
  // Answers of an older request, or of another user's, must not land in this list.
  let generation = 0

  function add(items) {
    const added = items.map((session) => sessionRow(session, onOpen))
    rows.append(...added)
    return added
  }

  function showPage({ items, next_cursor: next }) {
    cursor = next ?? undefined
    more.hidden = !cursor
    return add(items)
  }

  function showEmpty() {
    const empty = rows.childElementCount === 0
    byId('history-table').hidden = empty
    showText(byId('history-empty'), empty ? 'No conversations yet. Your first one will be listed here.' : undefined)
  }

  async function load(ask, show) {
    const mine = ++generation
    byId('history').setAttribute('aria-busy', 'true')
    try {
      const page = await ask()
      if (mine !== generation) return undefined
      showText(byId('history-alert'), undefined)
      show(page)
      showEmpty()
      return page
    } catch (error) {
      if (mine === generation)
        showText(byId('history-alert'), `Your conversations could not be loaded. ${wordsOf(error)}`)
      return undefined
    } finally {
      if (mine === generation) byId('history').setAttribute('aria-busy', 'false')
    }
  }

  function refresh() {
    return load(
      () => sessions(),
      (page) => {
        rows.replaceChildren()
        showPage(page)
      },
    )
  }

  async function loadMore() {
    let first
    const page = await load(
      () => sessions(cursor),
      (answer) => ([first] = showPage(answer)),
    )
    if (!page) return
    announce(`${page.items.length} more conversations.`)
    first?.querySelector('button')?.focus()
  }

  /** The row of a call that has just ended may settle a moment after the answer to its end. */
  async function settle(sessionId) {
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const page = await refresh()
      const session = page?.items.find((item) => item.session_id === sessionId)
      if (session && isSettled(session)) return
      await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS))
      if (byId('history').hidden) return
    }
  }

  byId('history-refresh').addEventListener(
    'click',
    () => void refresh().then((page) => page && announce('List refreshed.')),
  )
  more.addEventListener('click', () => void loadMore())
  setInterval(() => showAges(rows), 60_000)

  return {
    refresh,
    settle,
    show: () => (byId('history').hidden = false),
    clear() {
      generation++
      byId('history').hidden = true
      byId('history-table').hidden = true
      more.hidden = true
      rows.replaceChildren()
    },
  }
}

const isSettled = ({ status, duration_seconds: seconds }) =>
  (status === 'completed' || status === 'failed') && typeof seconds === 'number'

function showAges(rows) {
  for (const time of rows.querySelectorAll('time')) time.textContent = ago(time.dateTime)
}

function sessionRow(session, onOpen) {
  const open = build('button', { type: 'button', class: 'quiet' }, 'Transcript')
  open.append(build('span', { class: 'visually-hidden' }, ` of ${dateTime(session.created_at)}`))
  open.addEventListener('click', () => onOpen(session))
  const status = state(session.status)
  return build(
    'tr',
    { role: 'row' },
    cell('Started', startedAt(session), 'started'),
    cell('Duration', durationOf(session)),
    cell(
      'State',
      build('span', { class: 'toned' }, build('span', { class: 'dot', 'data-state': status.tone }), status.text),
    ),
    cell('Ended by', reason(session) || '–'),
    cell('Model', session.prewarm ? prewarm(session.prewarm).text : '–'),
    cell('', open, 'open'),
  )
}

function durationOf({ status, duration_seconds: seconds }) {
  return typeof seconds !== 'number' && status === 'active' ? '–' : duration(seconds)
}

function startedAt({ created_at: at }) {
  const time = build('time', { datetime: at }, ago(at))
  return build('span', { class: 'when' }, time, ' ', build('span', { class: 'muted' }, dateTime(at)))
}

function cell(label, content, className) {
  return build('td', { role: 'cell', 'data-label': label, class: className }, content)
}
