import { announce, byId } from './dom.js'
import { clock } from './format.js'
import { openRoom } from './room-frame.js'
import { callSlot } from './session-store.js'
import { showPanel } from './stage.js'

const ASK_MS = 2000

/**
 * Shows the running call: the room, its state, its time and the button that ends it. The time is the conversation's: it
 * begins when the avatar is there, which the room says, or else the server.
 * @param {{ onLeft: () => void, hasAvatar: () => Promise<boolean> }} events `onLeft`: the room says that the caller left it
 * @returns {() => void} closes the room
 */
export function showCall({ onLeft, hasAvatar }) {
  const { answer } = callSlot.get()
  let inRoom = false
  let announced

  function show() {
    const { tone, text } = stateOf(inRoom, callSlot.get())
    byId('call-dot').dataset.state = tone
    byId('call-state').textContent = text
    if (text !== announced && inRoom) announce(text)
    announced = text
    showTime()
  }

  function avatarCame() {
    const call = callSlot.get()
    if (!call || call.avatarAt) return
    callSlot.set({ ...call, avatarAt: Date.now() })
    show()
  }

  const closeRoom = openRoom(byId('call-frame'), {
    url: answer.conversation_url,
    conversationId: answer.conversation_id,
    onJoined: () => ((inRoom = true), show()),
    onAvatar: avatarCame,
    onLeft,
  })
  const timer = setInterval(showTime, 500)
  const asking = setInterval(() => {
    if (callSlot.get()?.avatarAt) clearInterval(asking)
    else void hasAvatar().then((here) => here && avatarCame())
  }, ASK_MS)
  show()
  showPanel('call')
  announce('The room is open. The button that ends the call comes after it.')
  return () => {
    clearInterval(timer)
    clearInterval(asking)
    closeRoom()
  }
}

function stateOf(inRoom, call) {
  if (!inRoom) return { tone: 'wait', text: 'Joining the room…' }
  if (!call?.avatarAt) return { tone: 'wait', text: 'Waiting for the avatar…' }
  return { tone: 'live', text: 'In the call' }
}

function showTime() {
  const since = callSlot.get()?.avatarAt
  byId('call-time').textContent = since ? clock((Date.now() - since) / 1000) : ''
}
