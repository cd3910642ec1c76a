import { byId } from './dom.js'

/** The panels of the stage, with what the browser's tab says of each; one is shown at a time. */
const panels = {
  ready: 'Parley',
  starting: 'Starting… · Parley',
  trouble: 'No call · Parley',
  leftover: 'Call still running · Parley',
  call: 'In a call · Parley',
  ended: 'Call ended · Parley',
}

/**
 * Shows one panel and moves the focus to it, so that keyboard and screen reader go on from there; the stage is at the top
 * of the page, and so is the eye then.
 * @param {keyof typeof panels} name
 * @param {string} [focus] id of the element to focus; the panel's heading if absent
 */
export function showPanel(name, focus = `${name}-title`) {
  for (const other of Object.keys(panels)) byId(other).hidden = other !== name
  document.title = panels[name]
  byId(focus).focus({ preventScroll: true })
  window.scrollTo({ top: 0 })
}
