import { announce, byId } from './dom.js'
import { showPanel } from './stage.js'

/** What is going on after so many seconds; a cold model takes 8 to 30. */
const stepsBySecond = [
  [0, 'Asking for a room…'],
  [2, 'Warming up the model…'],
  [12, 'Still warming up the model. A cold one takes up to half a minute.'],
  [32, 'This takes longer than usual. You may go on waiting, or cancel.'],
]

/** Shows the progress of a start, with the seconds it has taken; answers how to stop it. */
export function showStarting() {
  const begun = Date.now()
  let step
  function tick() {
    const seconds = Math.floor((Date.now() - begun) / 1000)
    byId('starting-seconds').textContent = String(seconds)
    const current = stepsBySecond.findLast(([from]) => seconds >= from)[1]
    if (current !== step) {
      byId('starting-step').textContent = step = current
      announce(`${current} ${seconds > 0 ? `${seconds} seconds so far.` : ''}`)
    }
  }
  tick()
  const timer = setInterval(tick, 250)
  showPanel('starting', 'cancel')
  return () => clearInterval(timer)
}
