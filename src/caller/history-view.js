import { announce, build, byId, showText } from './dom.js'
import { ago, dateTime, duration, isModelOff, prewarm, reason, state } from './format.js'
import { wordsOf } from './problem.js'

const APPEAR_TRIES = 3
// The row settles within seconds, its transcript may take minutes.
const SETTLE_PAUSES_MS = [...Array(4).fill(1500), ...Array(24).fill(5000)]

/**
 * The list of past conversations.
 * @param {{ sessions: (cursor?: string) => Promise<{ items: import('./api.js').Session[], next_cursor: string | null }>,
 *   onOpen: (session: import('./api.js').Session) => void, onEnd: (session: import('./api.js').Session) => Promise<void> }} deps
 */
export function createHistoryView({ sessions, onOpen, onEnd }) {
  const rows = byId('history-rows')
  const more = byId('history-more')
  let cursor
  // Answers of an older request, or of another user's, must not land in this list.
  let generation = 0
  // One call is followed at a time: the last one.
  let followed = 0

  function add(items) {
    const added = items.map((session) => sessionRow(session, { onOpen, onEnd: end }))
    rows.append(...added)
    const told = [...rows.querySelectorAll('td.model')].some((one) => one.textContent !== nothing)
    byId('history-table').classList.toggle('no-model', !told)
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
        const held = document.activeElement?.closest('#history-rows tr')?.dataset.session
        rows.replaceChildren()
        showPage(page)
        if (held) rows.querySelector(`[data-session="${held}"] button`)?.focus({ preventScroll: true })
      },
    )
  }

  /** Ends a conversation from its row. */
  async function end(session, opener) {
    if (opener.getAttribute('aria-disabled') === 'true') return
    opener.setAttribute('aria-disabled', 'true')
    try {
      await onEnd(session)
    } catch (error) {
      opener.removeAttribute('aria-disabled')
      showText(byId('history-alert'), `The conversation could not be ended. ${wordsOf(error)}`)
    }
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

  /** The row of a call that has just begun may be written a moment after the answer to its start. */
  async function appear(sessionId) {
    for (let tries = 0; tries < APPEAR_TRIES; tries++) {
      const page = await refresh()
      if (!page || page.items.some((item) => item.session_id === sessionId)) return
      await pause(1000)
    }
  }

  /**
   * Follows a call that has just ended until its row is settled and its transcript there.
   * @returns {Promise<boolean>} whether the transcript came
   */
  async function settle(sessionId) {
    const mine = ++followed
    for (const pauseMs of SETTLE_PAUSES_MS) {
      const page = await refresh()
      const session = page?.items.find((item) => item.session_id === sessionId)
      if (session && isSettled(session) && session.artifacts.transcript) return true
      await pause(pauseMs)
      // An open dialog gives the focus back to a button of the list as it is.
      while (document.querySelector('dialog[open]')) await pause(500)
      if (mine !== followed || byId('history').hidden) return false
    }
    return false
  }

  byId('history-refresh').addEventListener(
    'click',
    () => void refresh().then((page) => page && announce('List refreshed.')),
  )
  more.addEventListener('click', () => void loadMore())
  setInterval(() => showAges(rows), 60_000)

  return {
    refresh,
    appear,
    settle,
    show: () => (byId('history').hidden = false),
    clear() {
      generation++
      followed++
      byId('history').hidden = true
      byId('history-table').hidden = true
      more.hidden = true
      rows.replaceChildren()
    },
  }
}

const nothing = '–'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const isSettled = ({ status, duration_seconds: seconds }) =>
  (status === 'completed' || status === 'failed') && typeof seconds === 'number'

function showAges(rows) {
  for (const time of rows.querySelectorAll('time')) time.textContent = ago(time.dateTime)
}

function sessionRow(session, actions) {
  const status = state(session.status)
  return build(
    'tr',
    { role: 'row', 'data-session': session.session_id },
    cell('Started', startedAt(session), 'started'),
    cell('Duration', durationOf(session)),
    cell(
      'State',
      build('span', { class: 'toned' }, build('span', { class: 'dot', 'data-state': status.tone }), status.text),
    ),
    cell('Ended by', reason(session) || nothing),
    cell('Model', modelOf(session), 'model'),
    cell('', actionOf(session, actions), 'open'),
  )
}

/** What can be done with a conversation: while it runs it can be ended, and afterwards read. */
function actionOf(session, { onOpen, onEnd }) {
  if (session.status === 'ending') return ''
  const runs = session.status === 'active'
  const button = build('button', { type: 'button', class: runs ? 'quiet ends' : 'quiet' }, runs ? 'End' : 'Transcript')
  const which = dateTime(session.created_at)
  button.append(build('span', { class: 'visually-hidden' }, runs ? ` the conversation of ${which}` : ` of ${which}`))
  button.addEventListener('click', () => (runs ? void onEnd(session, button) : onOpen(session)))
  return button
}

const modelOf = ({ prewarm: result }) => (result && !isModelOff(result) ? prewarm(result).text : nothing)

function durationOf({ status, duration_seconds: seconds }) {
  return typeof seconds !== 'number' && status === 'active' ? nothing : duration(seconds)
}

function startedAt({ created_at: at }) {
  const time = build('time', { datetime: at }, ago(at))
  return build('span', { class: 'when' }, time, ' ', build('span', { class: 'muted' }, dateTime(at)))
}

function cell(label, content, className) {
  return build('td', { role: 'cell', 'data-label': label, class: className }, content)
}
