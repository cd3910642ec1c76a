import { build } from './dom.js'

/**
 * Opens the provider's room in a frame and listens to what it says of itself.
 * @param {HTMLElement} container
 * @param {{ url: string, conversationId: string, onJoined: () => void, onAvatar: () => void,
 *   onLeft: () => void }} room `onAvatar`: somebody else is in the room, and only the avatar can be
 * @returns {() => void} closes the room, which also turns camera and microphone off
 * @throws {Error} when the address is not one of the web
 */
export function openRoom(container, { url, conversationId, onJoined, onAvatar, onLeft }) {
  const address = new URL(url)
  if (!/^https?:$/.test(address.protocol)) throw new Error('the room has no web address')
  const frame = build('iframe', {
    title: 'Video call',
    src: address.href,
    allow: 'camera; microphone; fullscreen; display-capture; autoplay',
  })

  /** Anybody may post to this window; only the room itself is heard. */
  function hear(event) {
    if (event.origin !== address.origin || event.source !== frame.contentWindow) return
    const { type, action, conversation_id: about } = event.data ?? {}
    if (about !== undefined && about !== conversationId) return
    if ((type ?? action) === 'joined-meeting') onJoined()
    if ((type ?? action) === 'participant-joined') onAvatar()
    if ((type ?? action) === 'left-meeting') onLeft()
  }

  window.addEventListener('message', hear)
  container.replaceChildren(frame)
  return () => {
    window.removeEventListener('message', hear)
    frame.remove()
  }
}
