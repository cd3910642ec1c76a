import { createCountdown } from './countdown.js'
import { byId, showText } from './dom.js'
import { fieldErrors, Problem, wordsOf } from './problem.js'

const required = { email: 'Enter your email address.', password: 'Enter your password.' }

/**
 * The sign-in form.
 * @param {{ login: (email: string, password: string) => Promise<void>, onLogin: () => void, onAnonymous: () => void }} deps
 */
export function createLoginView({ login, onLogin, onAnonymous }) {
  const fields = { email: byId('email'), password: byId('password') }
  const submit = byId('login-submit')
  const countdown = createCountdown(submit)
  let busy = false

  function showFieldErrors(errors) {
    for (const [name, field] of Object.entries(fields)) markField(field, errors[name])
    const first = Object.keys(fields).find((name) => errors[name])
    if (first) fields[first].focus()
    return first !== undefined
  }

  function missing() {
    const empty = Object.keys(fields).filter((name) => fields[name].value.trim() === '')
    return Object.fromEntries(empty.map((name) => [name, required[name]]))
  }

  function fail(error) {
    const pointed = showFieldErrors(fieldErrors(error))
    showText(byId('login-alert'), wordsOf(error))
    if (error instanceof Problem && error.status === 429) return countdown.shut(error.retryAfterSeconds)
    if (!pointed) fields.password.focus()
    if (error instanceof Problem && error.status === 401) fields.password.select()
  }

  function setBusy(next) {
    busy = next
    submit.setAttribute('aria-disabled', String(next))
    submit.textContent = next ? 'Signing in…' : 'Sign in'
  }

  async function attempt() {
    setBusy(true)
    try {
      await login(fields.email.value.trim(), fields.password.value)
      setBusy(false)
      fields.password.value = ''
      onLogin()
    } catch (error) {
      setBusy(false)
      fail(error)
    }
  }

  function signIn() {
    if (busy || submit.disabled) return
    showText(byId('login-alert'), undefined)
    if (!showFieldErrors(missing())) void attempt()
  }

  byId('login-form').addEventListener('submit', (event) => {
    event.preventDefault()
    signIn()
  })
  byId('anonymous').addEventListener('click', onAnonymous)
  byId('demo-button').addEventListener('click', () => {
    fields.email.value = byId('demo-email').textContent
    fields.password.value = byId('demo-password').textContent
    signIn()
  })

  return {
    /** @param {string} [notice] why the form is shown again */
    show(notice) {
      byId('login').hidden = false
      byId('workspace').hidden = true
      document.title = 'Sign in · Parley'
      showText(byId('login-notice'), notice)
      showText(byId('login-alert'), undefined)
      showFieldErrors({})
      fields.email.focus()
    },
    hide: () => (byId('login').hidden = true),
    offerDemo: () => (byId('demo').hidden = false),
  }
}

function markField(field, message) {
  const note = byId(`${field.id}-error`)
  showText(note, message)
  if (message) {
    field.setAttribute('aria-invalid', 'true')
    field.setAttribute('aria-describedby', note.id)
  } else {
    field.removeAttribute('aria-invalid')
    field.removeAttribute('aria-describedby')
  }
}
