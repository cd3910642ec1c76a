/** An element of index.html; its absence is a mistake of ours. */
export function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`index.html has no #${id}`)
  return element
}

/**
 * Builds an element. Children are nodes or text; text never becomes markup.
 * @param {string} tag
 * @param {Record<string, string | undefined>} [attributes]
 * @param {...(Node | string)} children
 */
export function build(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Shows the text, or hides the element when there is none. */
export function showText(element, text) {
  element.textContent = text ?? ''
  element.hidden = !text
}

/** Says something to a screen reader without moving the focus. */
export function announce(text) {
  const status = byId('status')
  status.textContent = ''
  // A live region is read out when it changes, so that the same words twice need a change in between.
  setTimeout(() => (status.textContent = text), 50)
}
