import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { call, configureSimulator, eventually } from '../support/client.js'
import { startStack } from '../support/stack.js'
import { launchChromium, openPage, readControls, type WatchedPage } from './chromium.js'

const email = 'lead@acme.test'
const password = 'parley-demo'
const outOfCredits = 'The user is out of conversational credits.'

let stack: Awaited<ReturnType<typeof startStack>>
let browser: Browser
let watched: WatchedPage[] = []

beforeAll(async () => {
  stack = await startStack({ env: { LOGIN_RATE_LIMIT: '600/minute', RATE_LIMIT_ANONYMOUS: '6000/minute' } })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

afterEach(async () => {
  const complaints = watched.flatMap((each) => each.complaints)
  await Promise.all(watched.map(({ page }) => page.context().close()))
  watched = []
  expect(complaints).toEqual([])
})

async function open(options?: BrowserContextOptions): Promise<Page> {
  const opened = await openPage(
    browser,
    [stack.url, stack.simulator.url].map((url) => new URL(url).origin),
    options,
  )
  watched.push(opened)
  await opened.page.goto(stack.url)
  return opened.page
}

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name })
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name })
const room = (page: Page) => page.frameLocator('iframe[title="Video call"]').locator('body')
const focused = (page: Page) => page.locator(':focus')

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await button(page, 'Sign in').click()
  await heading(page, /^Ready when you are/).waitFor()
}

/** Starts a call and answers its id, which the room's address ends in. */
async function startCall(page: Page): Promise<string> {
  await button(page, 'Start video call').click()
  return await joinedCall(page)
}

async function joinedCall(page: Page): Promise<string> {
  await room(page).waitFor()
  await button(page, 'End call').waitFor()
  const address = new URL((await page.getByTitle('Video call').getAttribute('src')) ?? '')
  expect(address.origin).toBe(new URL(stack.simulator.url).origin)
  expect(address.pathname).toMatch(/^\/room\/[^/]+$/)
  return decodeURIComponent(address.pathname.slice('/room/'.length))
}

async function endCall(page: Page): Promise<void> {
  await button(page, 'End call').click()
  await heading(page, 'Call ended').waitFor()
}

interface TruthRow {
  conversation_id: string
  status: string
}

async function readTruth(): Promise<TruthRow[]> {
  const answer = await fetch(`${stack.simulator.url}/__sim/conversations`)
  return ((await answer.json()) as { conversations: TruthRow[] }).conversations
}

async function expectEnded(conversationId: string): Promise<void> {
  await expect
    .poll(async () => (await readTruth()).find((row) => row.conversation_id === conversationId)?.status, {
      timeout: 10_000,
    })
    .toBe('ended')
}

async function setFault(fault: Record<string, unknown>): Promise<void> {
  const answer = await fetch(`${stack.simulator.url}/__sim/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  })
  expect(answer.ok).toBe(true)
}

describe('a call of somebody who is signed in', () => {
  it('is started, shown, explained, ended at the provider and listed with its length', async () => {
    const page = await open()
    await signIn(page)
    const conversationId = await startCall(page)

    await page.locator('summary', { hasText: 'Debug' }).click()
    const facts = page.locator('#debug-list')
    await expect.poll(() => facts.innerText()).toContain(conversationId)
    expect(await facts.innerText()).toContain(email)
    expect(await facts.innerText()).toMatch(/Success|Pending/)
    expect(await facts.innerText()).toMatch(/Warm|Skipped|Failed/)
    const raw = JSON.parse((await page.locator('#debug-raw').textContent()) ?? '') as Record<string, unknown>
    expect(raw).toMatchObject({ conversation_id: conversationId, debug: { jwt_email: email } })
    expect(await button(page, 'Copy id: Session').count()).toBe(1)

    await endCall(page)
    expect(await page.locator('#ended-facts').innerText()).toMatch(/Duration\s+\d+ s\s+Ended by\s+You/)
    await expectEnded(conversationId)
    const row = page.locator('#history-rows').getByRole('row').first()
    await expect.poll(() => row.innerText(), { timeout: 10_000 }).toMatch(/\d+ s[\s\S]*Completed[\s\S]*You/)
  })

  it('opens the transcript of a row in a dialog that Escape closes, with the focus back on its button', async () => {
    const page = await open()
    await signIn(page)
    await startCall(page)
    await endCall(page)
    const opener = button(page, /^Transcript of/).first()
    await opener.click()
    await page.getByRole('dialog', { name: 'Transcript' }).waitFor()
    await expect.poll(() => page.getByRole('dialog').innerText()).toMatch(/There is no transcript|Avatar|You/)
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').count()).toBe(0)
    await expect.poll(() => focused(page).innerText()).toContain('Transcript')
  })

  it('is one call, however often the button is clicked', async () => {
    const page = await open()
    await signIn(page)
    const before = (await readTruth()).length
    let starts = 0
    page.on('request', (request) => void (starts += Number(request.url().endsWith('/tavus/start'))))
    await page.evaluate(`for (const id of ['start', 'start', 'cancel']) document.getElementById(id).click()`)
    await joinedCall(page)
    await endCall(page)
    expect(starts).toBe(1)
    expect((await readTruth()).length).toBe(before + 1)
  })

  it('can be cancelled with Escape while it is being started', async () => {
    const page = await open()
    await signIn(page)
    const keys: (string | undefined)[] = []
    await page.route('**/tavus/start', (route) => void keys.push(route.request().headers()['idempotency-key']))
    await button(page, 'Start video call').click()
    await expect
      .poll(() => page.locator('#starting-step').innerText(), { timeout: 5000 })
      .toContain('Warming up the model')
    expect(Number(await page.locator('#starting-seconds').textContent())).toBeGreaterThanOrEqual(2)
    expect(await focused(page).innerText()).toBe('Cancel')
    await page.keyboard.press('Escape')
    await heading(page, /^Ready when you are/).waitFor()
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)])
  })

  it('is asked for again under the same key when no answer came', async () => {
    const page = await open()
    await signIn(page)
    const before = (await readTruth()).length
    const keys = new Set<string | undefined>()
    let lost = 0
    await page.route('**/tavus/start', async (route) => {
      keys.add(route.request().headers()['idempotency-key'])
      if (lost++ > 0) return await route.continue()
      await route.fetch()
      return await route.abort()
    })
    await startCall(page)
    await endCall(page)
    expect(lost).toBe(2)
    expect(keys.size).toBe(1)
    expect((await readTruth()).length).toBe(before + 1)
  })

  it('ends with the token that was refreshed meanwhile', async () => {
    const page = await open()
    const tokens: string[] = []
    await page.route('**/auth/*', async (route) => {
      const response = await route.fetch()
      const login = (await response.json()) as { token: string; expires_in: number }
      tokens.push(login.token)
      await route.fulfill({ response, json: { ...login, expires_in: tokens.length === 1 ? 4 : login.expires_in } })
    })
    await signIn(page)
    const conversationId = await startCall(page)
    await expect.poll(() => tokens.length, { timeout: 8000 }).toBe(2)
    const [request] = await Promise.all([page.waitForRequest('**/tavus/end/*'), endCall(page)])
    expect(request.headers()['authorization']).toBe(`Bearer ${tokens[1]}`)
    await expectEnded(conversationId)
  })

  it('ends when the room says that the caller left, and heeds nobody else', async () => {
    const page = await open()
    await signIn(page)
    const conversationId = await startCall(page)
    const left = `window.top.postMessage({ type: 'left-meeting', conversation_id: '${conversationId}' }, '*')`
    await page.evaluate(left)
    await page.waitForTimeout(300)
    expect(await button(page, 'End call').isVisible()).toBe(true)
    await page
      .frames()
      .find((frame) => frame.url().includes('/room/'))
      ?.evaluate(left)
    await heading(page, 'Call ended').waitFor()
    await expectEnded(conversationId)
  })
})

describe('the time of a call', () => {
  it('begins when the avatar is there, and not before', async () => {
    await configureSimulator(stack.simulator.url, { join_delay_ms: 3000 })
    const page = await open()
    await signIn(page)
    await startCall(page)
    await expect.poll(() => page.locator('#call-state').innerText()).toBe('Waiting for the avatar…')
    expect(await page.locator('#call-time').textContent()).toBe('')
    await expect.poll(() => page.locator('#call-state').innerText(), { timeout: 8000 }).toBe('In the call')
    expect(await page.locator('#call-time').textContent()).toMatch(/^0:0[0-2]$/)
    await configureSimulator(stack.simulator.url, { join_delay_ms: [2000, 6000] })
    await endCall(page)
  })
})

describe('the demo login', () => {
  it('signs in with one click, also after a login that failed', async () => {
    const page = await open()
    const config = { environment: 'development' }
    await page.route('**/config.json', (route) => route.fulfill({ json: config }))
    await page.reload()
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill('not the password')
    await button(page, 'Sign in').click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toBe('Email or password is wrong.')
    await button(page, 'Use demo login').click()
    await expect.poll(() => alert.isVisible()).toBe(false)
    await heading(page, /^Ready when you are/).waitFor()
  })
})

describe('the list of conversations', () => {
  it('has the call that runs, with a button that ends it, and its transcript once there is one', async () => {
    const page = await open()
    const refused: string[] = []
    page.on('response', (response) => void (response.status() >= 400 && refused.push(response.url())))
    await signIn(page)
    const conversationId = await startCall(page)
    const row = page.locator('#history-rows').getByRole('row').first()
    await expect.poll(() => row.innerText()).toContain('Running')
    expect(await row.getByRole('button', { name: /^Transcript/ }).count()).toBe(0)
    await row.getByRole('button', { name: /^End the conversation of/ }).click()
    await heading(page, 'Call ended').waitFor()
    await expectEnded(conversationId)
    await expect.poll(() => row.innerText(), { timeout: 10_000 }).toContain('Completed')
    await row.getByRole('button', { name: /^Transcript of/ }).waitFor()
    await expect
      .poll(() => page.locator('#ended-words').innerText(), { timeout: 15_000 })
      .toBe('The transcript is in the list below.')
    expect(refused).toEqual([])
  })

  it('ends a call that another tab left running', async () => {
    const lost = await open()
    await signIn(lost)
    const conversationId = await startCall(lost)
    const page = await open()
    await signIn(page)
    const row = page.locator('#history-rows').getByRole('row').first()
    await row.getByRole('button', { name: /^End the conversation of/ }).click()
    await expect.poll(() => row.innerText(), { timeout: 10_000 }).toContain('Completed')
    await expectEnded(conversationId)
  })

  it('says nothing of a model that is not in use', async () => {
    const page = await open()
    await signIn(page)
    await startCall(page)
    await endCall(page)
    await page.locator('#history-rows').getByRole('row').first().waitFor()
    expect(await page.getByRole('columnheader', { name: 'Model' }).count()).toBe(0)
    expect(await page.locator('#history').innerText()).not.toContain('Skipped')
  })

  it('tells a call that nobody joined from one that everybody left', async () => {
    const login = await call(`${stack.url}/auth/login`, { body: { email, password } })
    const { token } = login.body as { token: string }
    const { body } = await call(`${stack.url}/tavus/start`, { token, body: {} })
    await call(`${stack.simulator.url}/__sim/conversations/${body.conversation_id}/shutdown`, {
      body: { reason: 'participant_absent_timeout' },
    })
    await eventually(
      () => call(`${stack.url}/sessions/${body.session_id}`, { method: 'GET', token }),
      (session) => session.body.ended_at !== null,
    )
    const page = await open()
    await signIn(page)
    const row = page.locator('#history-rows').getByRole('row').first()
    await expect.poll(() => row.innerText()).toContain('Nobody joined')
  })
})

describe('a call and the life of its page', () => {
  it('is ended when the page is closed', async () => {
    const page = await open()
    await signIn(page)
    const conversationId = await startCall(page)
    page.on('dialog', (dialog) => void dialog.accept())
    await page.close({ runBeforeUnload: true })
    await expectEnded(conversationId)
  })

  it('is ended by a reload, which tells how long it was', async () => {
    const page = await open()
    await signIn(page)
    const conversationId = await startCall(page)
    page.on('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await heading(page, 'Call ended').waitFor()
    expect(await page.locator('#ended').innerText()).toContain('closed or reloaded')
    await expectEnded(conversationId)
  })

  it('is not ended by a reload before its user has agreed', async () => {
    const page = await open()
    await signIn(page)
    await startCall(page)
    const asked: string[] = []
    page.on('dialog', (dialog) => {
      asked.push(dialog.type())
      void dialog.dismiss()
    })
    await page.evaluate('void setTimeout(() => location.reload())')
    await expect.poll(() => asked).toEqual(['beforeunload'])
    expect(await button(page, 'End call').isVisible()).toBe(true)
    expect(await page.title()).toBe('In a call · Parley')
    await endCall(page)
  })

  it('can be rejoined after a reload whose end did not get through', async () => {
    const page = await open()
    await signIn(page)
    const conversationId = await startCall(page)
    page.on('dialog', (dialog) => void dialog.accept())
    await page.evaluate('window.fetch = () => Promise.reject(new Error("the network is gone"))')
    await page.reload()
    await heading(page, 'A call is still running').waitFor({ timeout: 15_000 })
    await button(page, 'Rejoin the call').click()
    expect(await joinedCall(page)).toBe(conversationId)
    await endCall(page)
    await expectEnded(conversationId)
  })

  it('shows its beginning, wherever the page was scrolled to', async () => {
    const page = await open({ viewport: { width: 800, height: 500 } })
    await signIn(page)
    await startCall(page)
    await endCall(page)
    await page.evaluate('window.scrollTo(0, 200)')
    await button(page, 'Start another call').click()
    await joinedCall(page)
    expect(await page.evaluate('window.scrollY')).toBe(0)
    await endCall(page)
  })

  it('can be rejoined or ended when its tab was lost without a word', async () => {
    const lost = await open()
    await signIn(lost)
    const conversationId = await startCall(lost)
    const memory = await lost.evaluate<Record<string, string>>('({ ...sessionStorage })')

    const page = await open()
    await page.evaluate(`Object.assign(sessionStorage, ${JSON.stringify(memory)})`)
    await page.reload()
    await heading(page, 'A call is still running').waitFor()
    await button(page, 'Rejoin the call').click()
    expect(await joinedCall(page)).toBe(conversationId)
    await endCall(page)
    await expectEnded(conversationId)
  })
})

describe('a call of nobody in particular', () => {
  it('works without signing in and is not kept', async () => {
    const page = await open()
    await button(page, 'Continue without signing in').click()
    const conversationId = await startCall(page)
    await page.locator('summary', { hasText: 'Debug' }).click()
    await expect
      .poll(() => page.locator('#debug-list').innerText())
      .toContain('Skipped: unauthenticated or missing data')
    await endCall(page)
    expect(await page.locator('#ended').innerText()).toContain('not kept')
    expect(await heading(page, 'My last conversations').count()).toBe(0)
    await expectEnded(conversationId)
  })
})

describe('what goes wrong is said in words', () => {
  it('when the password is wrong or missing', async () => {
    const page = await open()
    await button(page, 'Sign in').click()
    expect(await page.getByLabel('Email').getAttribute('aria-invalid')).toBe('true')
    expect(await page.locator('#email-error').innerText()).toBe('Enter your email address.')
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill('not the password')
    await button(page, 'Sign in').click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect((await alert.innerText()).length).toBeGreaterThan(10)
    expect(await focused(page).getAttribute('id')).toBe('password')
    await signIn(page)
  })

  it('when the server cannot be reached, or asks for patience', async () => {
    const page = await open()
    await page.route('**/auth/login', (route) => route.abort())
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(password)
    await button(page, 'Sign in').click()
    await page.getByRole('alert').filter({ hasText: 'could not be reached' }).waitFor()
    await page.unroute('**/auth/login')
    const problem = { type: 'about:blank', title: 'Too Many Requests', status: 429, detail: 'Too many tries.' }
    await page.route('**/auth/login', (route) =>
      route.fulfill({
        status: 429,
        headers: { 'retry-after': '2' },
        contentType: 'application/problem+json',
        json: problem,
      }),
    )
    await button(page, 'Sign in').click()
    await button(page, /^Sign in in \d s$/).waitFor()
    expect(await button(page, /^Sign in/).isDisabled()).toBe(true)
    await page.unroute('**/auth/login')
    await expect.poll(() => button(page, 'Sign in').isEnabled(), { timeout: 5000 }).toBe(true)
    await signIn(page)
  })

  it('when the provider refuses, with a way to try again', async () => {
    const page = await open()
    await signIn(page)
    await setFault({ operation: 'create', kind: 'status', status: 402, body: { message: outOfCredits }, times: 1 })
    await button(page, 'Start video call').click()
    await heading(page, 'The account has run out of credits').waitFor()
    expect(await page.locator('#trouble-detail').innerText()).toContain(outOfCredits)
    await button(page, 'Try again').click()
    await joinedCall(page)
    await endCall(page)
  })
})

describe('everybody can use it', () => {
  it('with the keyboard alone', async () => {
    const page = await open()
    await expect.poll(() => focused(page).getAttribute('id')).toBe('email')
    await page.keyboard.type(email)
    await page.keyboard.press('Tab')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page).getAttribute('id')).toBe('ready-title')
    await page.keyboard.press('Tab')
    expect(await focused(page).innerText()).toBe('Start video call')
    await page.keyboard.press('Enter')
    const conversationId = await joinedCall(page)
    await expect.poll(() => focused(page).getAttribute('id')).toBe('call-title')
    await tabTo(page, 'End call')
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page).innerText()).toBe('Call ended')
    await tabTo(page, 'Start another call')
    await expectEnded(conversationId)
  })

  it('with a screen reader: every control has a name, in every state', async () => {
    const page = await open()
    const seen = [await readControls(page)]
    await signIn(page)
    seen.push(await readControls(page))
    await startCall(page)
    await page.locator('summary', { hasText: 'Debug' }).click()
    seen.push(await readControls(page))
    await endCall(page)
    await button(page, /^Transcript of/)
      .first()
      .click()
    seen.push(await readControls(page))
    const named = seen.flat()
    expect(named.filter((control) => control.endsWith(': '))).toEqual([])
    expect(named).toEqual(
      expect.arrayContaining([
        'textbox: Email',
        'button: Start video call',
        'Iframe: Video call',
        'button: End call',
        'dialog: Transcript',
      ]),
    )
  })

  it('on a phone of 360 pixels, without scrolling sideways', async () => {
    const page = await open({ viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' })
    const sideways = () => page.evaluate<boolean>('document.documentElement.scrollWidth > window.innerWidth')
    expect(await sideways()).toBe(false)
    await signIn(page)
    await startCall(page)
    await page.locator('summary', { hasText: 'Debug' }).click()
    expect(await sideways()).toBe(false)
    await endCall(page)
    await page.getByRole('row').nth(1).waitFor()
    expect(await sideways()).toBe(false)
  })
})

describe('the API documents', () => {
  it('show the padlock of an optional token as open as that of a required one, until there is a token', async () => {
    const page = await open()
    await page.goto(`${stack.url}/docs`)
    const padlock = (operation: string) => page.locator(`#operations-${operation} .authorization__btn`)
    await page.locator('.opblock').first().waitFor()
    for (const operation of ['sessions-startSession', 'tavus-startTavusConversation', 'tavus-endTavusConversation']) {
      await scrollTo(page, `#operations-${operation}`)
      expect(await padlock(operation).getAttribute('aria-label'), operation).toMatch(/ unlocked$/)
    }
    await scrollTo(page, '#operations-identity-login')
    expect(await page.locator('#operations-identity-login .authorization__btn').count()).toBe(0)
  })
})

/** The page draws of its many operations those that can be seen. */
async function scrollTo(page: Page, selector: string): Promise<void> {
  await page.evaluate('window.scrollTo(0, 0)')
  for (let steps = 0; steps < 100; steps++) {
    if ((await page.locator(selector).count()) > 0) return
    await page.mouse.wheel(0, 500)
    await page.waitForTimeout(50)
  }
  throw new Error(`${selector} is nowhere on the page`)
}

/** Presses Tab until the control with these words has the focus; stops in the room are passed through. */
async function tabTo(page: Page, words: string): Promise<void> {
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press('Tab')
    const text = await page.evaluate<string>('document.activeElement?.textContent ?? ""')
    if (text.trim() === words) return
  }
  throw new Error(`the keyboard does not reach "${words}"`)
}
