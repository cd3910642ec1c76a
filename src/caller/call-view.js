import { announce, byId } from './dom.js'
import { clock } from './format.js'
import { openRoom } from './room-frame.js'
import { callSlot } from './session-store.js'
import { showPanel } from './stage.js'

/**
 * Shows the running call: the room, its state, its time and the button that ends it.
 * @param {{ onLeft: () => void }} events `onLeft`: the room says that the caller left it
 * @returns {() => void} closes the room
 */
export function showCall({ onLeft }) {
  const { answer } = callSlot.get()
  const closeRoom = openRoom(byId('call-frame'), {
    url: answer.conversation_url,
    conversationId: answer.conversation_id,
    onJoined: markJoined,
    onLeft,
  })
  showState('wait', 'Joining the room…')
  const timer = setInterval(showTime, 500)
  showTime()
  showPanel('call')
  announce('The room is open. The button that ends the call comes after it.')
  return () => {
    clearInterval(timer)
    closeRoom()
  }
}

function markJoined() {
  const call = callSlot.get()
  if (!call) return
  if (!call.joinedAt) callSlot.set({ ...call, joinedAt: Date.now() })
  showState('live', 'In the call')
  announce('You are in the call.')
}

function showState(tone, text) {
  byId('call-dot').dataset.state = tone
  byId('call-state').textContent = text
}

function showTime() {
  const call = callSlot.get()
  if (call) byId('call-time').textContent = clock((Date.now() - (call.joinedAt ?? call.startedAt)) / 1000)
}
