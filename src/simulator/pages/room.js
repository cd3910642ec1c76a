/* global document, EventSource, location, navigator, window */
// A Daily room as far as its visitors see it: they come, they leave, it ends.

const conversationId = decodeURIComponent(location.pathname.split('/')[2] ?? '')
const roomPath = `/room/${encodeURIComponent(conversationId)}`
const query = new URLSearchParams(location.search)
const embedded = window.parent !== window

/** @type {string | undefined} */
let participant
/** @type {EventSource | undefined} */
let stream
let avatarTold = false

const byId = (id) => document.getElementById(id)

/** What a visitor is told, by the word that the room answers with. */
const refusals = {
  'no-room': ['There is no such room', 'The conversation is unknown. Check the link, or start a new conversation.'],
  'exp-room': ['This conversation has ended', 'You can close this window, or start a new conversation.'],
  'not-allowed': ['You need an invitation', 'This room is private, and the link carries no valid token.'],
  'exp-token': ['The invitation has expired', 'The room waited for you as long as it could. Start a new conversation.'],
  'meeting-full': ['The room is full', 'Everybody who may take part is already here.'],
}

function tell(type) {
  if (embedded) window.parent.postMessage({ type, conversation_id: conversationId }, '*')
}

async function ask(path, body) {
  const init = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`${roomPath}/${path}`, { headers: { accept: 'application/json' }, ...init })
  return { ok: response.ok, ...(await response.json()) }
}

function show(state, text) {
  document.body.dataset.state = state
  byId('state').textContent = text
  byId('join').hidden = state !== 'out'
  byId('leave').hidden = state !== 'in'
  byId('mute').hidden = state !== 'in'
  byId('self').hidden = state !== 'in'
}

function showNotice(title, text) {
  show('over', title)
  byId('notice-title').textContent = title
  byId('notice-text').textContent = text
  byId('notice').hidden = false
  if (!embedded) byId('notice').focus()
}

function refuse(reason) {
  stream?.close()
  showNotice(...(refusals[reason] ?? ['The room cannot be entered', 'Please try again in a moment.']))
}

function showRoom({ status, avatar_joined: here }) {
  if (status === 'ended') return showEnd()
  document.body.dataset.avatar = here ? 'here' : 'coming'
  if (participant) show('in', here ? 'In the call' : 'Waiting for the avatar…')
  tellAvatar(here)
}

/** As Daily tells of whoever else comes, once for each stay of the visitor. */
function tellAvatar(here) {
  if (!here || !participant || avatarTold) return
  avatarTold = true
  tell('participant-joined')
}

function showEnd() {
  const wasIn = participant !== undefined
  participant = undefined
  refuse('exp-room')
  if (wasIn) tell('left-meeting')
}

function follow() {
  stream?.close()
  const visitor = participant ? `?participant=${encodeURIComponent(participant)}` : ''
  stream = new EventSource(`${roomPath}/status${visitor}`)
  stream.addEventListener('message', (event) => showRoom(JSON.parse(event.data)))
  stream.addEventListener('error', () => {
    if (stream?.readyState === EventSource.CLOSED) showNotice('The room is gone', 'The connection was closed.')
  })
}

async function join() {
  byId('join').disabled = true
  byId('state').textContent = 'Joining…'
  try {
    const token = query.get('t')
    const answer = await ask('join', token ? { token } : {})
    if (!answer.ok) return refuse(answer.error)
    participant = answer.participant_id
    avatarTold = false
    byId('notice').hidden = true
    tell('joined-meeting')
    showRoom(answer)
    follow()
    if (!embedded) byId('leave').focus()
  } catch {
    show('out', 'The room could not be reached. Please try again.')
  } finally {
    byId('join').disabled = false
  }
}

async function leave() {
  const leaving = participant
  participant = undefined
  stream?.close()
  await ask('leave', { participant_id: leaving }).catch(() => undefined)
  tell('left-meeting')
  showNotice('You have left the call', 'You can come back as long as the conversation goes on.')
  byId('join').hidden = false
  byId('join').textContent = 'Join again'
  byId('join').focus()
}

function toggleMute() {
  const muted = byId('mute').getAttribute('aria-pressed') !== 'true'
  byId('mute').setAttribute('aria-pressed', String(muted))
  byId('self-state').textContent = muted ? '(muted)' : ''
}

/** The page may be gone before an answer comes: a beacon is sent all the same. */
function sayFarewell() {
  if (participant) navigator.sendBeacon(`${roomPath}/leave`, JSON.stringify({ participant_id: participant }))
  participant = undefined
}

async function open() {
  try {
    const room = await ask('status')
    if (!room.ok) return refuse(room.error)
    showRoom(room)
    if (room.status === 'ended') return
    if (embedded) return await join()
    show('out', 'Ready to join')
    follow()
    byId('join').focus()
  } catch {
    show('out', 'The room could not be reached. Please try again.')
  }
}

byId('join').addEventListener('click', () => void join())
byId('leave').addEventListener('click', () => void leave())
byId('mute').addEventListener('click', toggleMute)
window.addEventListener('pagehide', sayFarewell)
window.addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})
document.body.dataset.embedded = String(embedded)
void open()
