/**
 * Keeps a button shut while the server wants to be left alone, and counts the seconds on it.
 * @param {HTMLButtonElement} button
 */
export function createCountdown(button) {
  const label = button.textContent
  let timer

  function open() {
    clearInterval(timer)
    button.disabled = false
    button.textContent = label
  }

  return {
    open,
    /** @param {number | undefined} seconds */
    shut(seconds) {
      open()
      if (!seconds) return
      const until = Date.now() + seconds * 1000
      const tick = () => {
        const left = Math.ceil((until - Date.now()) / 1000)
        if (left <= 0) return open()
        button.textContent = `${label} in ${left} s`
      }
      button.disabled = true
      timer = setInterval(tick, 500)
      tick()
    },
  }
}
