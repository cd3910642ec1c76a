import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium, openPage } from '../browser/chromium.js'
import { cleanUpAfterEach, onCleanup, start } from './support.js'

cleanUpAfterEach()

let browser: Browser

beforeAll(async () => {
  browser = await launchChromium()
})

afterAll(() => browser?.close())

/** A page of another origin that frames the room and keeps what the room posts to it. */
async function startCaller(room: string): Promise<string> {
  const script = 'window.heard = []; window.addEventListener("message", (event) => heard.push(event.data))'
  const frame = `<iframe title="Video call" src="${room}" allow="camera; microphone" width="900" height="600"></iframe>`
  const server = createServer((_, response) => {
    response
      .setHeader('content-type', 'text/html')
      .end(`<!doctype html><link rel="icon" href="data:,"><script>${script}</script>${frame}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function open(url: string, origins: string[]): Promise<Page> {
  const { page, complaints } = await openPage(browser, origins)
  onCleanup(async () => {
    await page.context().close()
    expect(complaints).toEqual([])
  })
  await page.goto(url)
  return page
}

const heard = (page: Page) => page.evaluate<unknown[]>('heard')

describe('the page of a room', () => {
  it('joins by itself in a frame, tells the page around it, and leaves at the press of a button', async () => {
    const { simulator, create } = await start()
    const { conversation_id: id } = await create({ properties: { participant_left_timeout: 60 } })
    const caller = await startCaller(`${simulator.url}/room/${id}`)
    const page = await open(caller, [caller, simulator.url])
    const room = page.frameLocator('iframe')
    await room.getByText('In the call').waitFor()
    const told = (type: string) => ({ type, conversation_id: id })
    await expect.poll(() => heard(page)).toEqual([told('joined-meeting'), told('participant-joined')])
    expect(simulator.conversation(id)?.human_joined_at).not.toBeNull()
    await room.getByRole('button', { name: 'Leave' }).click()
    await room.getByRole('heading', { name: 'You have left the call' }).waitFor()
    await expect.poll(() => heard(page)).toContainEqual(told('left-meeting'))
    await room.getByRole('button', { name: 'Join again' }).click()
    await room.getByText('In the call').waitFor()
    await expect.poll(() => heard(page)).toHaveLength(5)
  })

  it('says that the conversation has ended, when it ends and afterwards', async () => {
    const { simulator, create, post } = await start()
    const { conversation_id: id } = await create()
    const caller = await startCaller(`${simulator.url}/room/${id}`)
    const page = await open(caller, [caller, simulator.url])
    await page.frameLocator('iframe').getByText('In the call').waitFor()
    await post(`/v2/conversations/${id}/end`)
    await page.frameLocator('iframe').getByRole('heading', { name: 'This conversation has ended' }).waitFor()
    await expect.poll(() => heard(page)).toContainEqual({ type: 'left-meeting', conversation_id: id })
    const later = await open(`${simulator.url}/room/${id}`, [simulator.url])
    await later.getByRole('heading', { name: 'This conversation has ended' }).waitFor()
    expect(await later.getByRole('button').count()).toBe(0)
  })

  it('asks before it joins when it stands alone, and works with the keyboard', async () => {
    const { simulator, create } = await start({ timings: { join_delay_ms: 700 } })
    const { conversation_id: id } = await create()
    const page = await open(`${simulator.url}/room/${id}`, [simulator.url])
    await page.getByRole('button', { name: 'Join' }).waitFor()
    expect(simulator.conversation(id)?.human_joined_at).toBeNull()
    await page.keyboard.press('Enter')
    await page.getByText('In the call').waitFor()
    await expect.poll(() => page.locator(':focus').innerText()).toBe('Leave')
    await page.getByRole('button', { name: 'Mute' }).click()
    expect(await page.getByRole('button', { name: 'Mute' }).getAttribute('aria-pressed')).toBe('true')
  })

  it('says goodbye when it is closed', async () => {
    const { simulator, create } = await start()
    const { conversation_id: id } = await create()
    const page = await open(`${simulator.url}/room/${id}`, [simulator.url])
    await page.getByRole('button', { name: 'Join' }).click()
    await page.getByText('In the call').waitFor()
    await page.goto('about:blank')
    // Sooner than a vanished page would be missed.
    await expect.poll(() => simulator.conversation(id)?.status, { timeout: 2500 }).toBe('ended')
  })

  it('says so when there is no such room, or when it is private', async () => {
    const { simulator, create } = await start()
    const unknown = await open(`${simulator.url}/room/c00000000000`, [simulator.url])
    await unknown.getByRole('heading', { name: 'There is no such room' }).waitFor()
    const made = (await create({ require_auth: true })) as { conversation_id: string; meeting_token?: string }
    const locked = await open(`${simulator.url}/room/${made.conversation_id}`, [simulator.url])
    await locked.getByRole('button', { name: 'Join' }).click()
    await locked.getByRole('heading', { name: 'You need an invitation' }).waitFor()
    const invited = await open(`${simulator.url}/room/${made.conversation_id}?t=${made.meeting_token}`, [simulator.url])
    await invited.getByRole('button', { name: 'Join' }).click()
    await invited.getByText('In the call').waitFor()
  })
})
