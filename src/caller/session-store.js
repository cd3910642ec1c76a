/**
 * What a tab remembers across a reload, in sessionStorage. It is gone with the tab.
 * A browser that refuses storage still has a working page, one that forgets.
 */
function createSlot(key) {
  let value = load(key)
  return {
    get: () => value,
    set(next) {
      value = next
      save(key, next)
    },
    clear() {
      value = undefined
      save(key, undefined)
    },
  }
}

function load(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') ?? undefined
  } catch {
    return undefined
  }
}

function save(key, value) {
  try {
    if (value === undefined) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify(value))
  } catch {
    // Refused or full: the value in memory is what counts.
  }
}

/** Who is signed in: `{ token, refreshToken, expiresAt, lifeMs, user }`, with times in milliseconds. */
export const loginSlot = createSlot('parley.login')

/** The running call: `{ answer, startedAt, avatarAt?, anonymous, endSent?, unusable? }`. */
export const callSlot = createSlot('parley.call')
