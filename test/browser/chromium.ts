import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { findChromium } from '../../src/dev/chromium.js'

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the machine's own Chromium; none is ever downloaded. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) throw new Error('the browser tests need Chromium or Chrome on PATH: apt-get install chromium')
  return await chromium.launch({ executablePath, args })
}

/** What a browser holds against a page: script errors, refusals by the content security policy, requests to strangers. */
export type Complaints = string[]

export interface WatchedPage {
  page: Page
  complaints: Complaints
}

/** A page in a context of its own, under watch; only `origins` may be asked for anything. */
export async function openPage(
  browser: Browser,
  origins: string[],
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  return { page, complaints: watch(page, origins) }
}

function watch(page: Page, origins: string[]): Complaints {
  const complaints: Complaints = []
  page.on('pageerror', (error) => complaints.push(`error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    // Chromium writes every status of 400 and above to the console, handled or not.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol.startsWith('http') && !origins.includes(origin)) complaints.push(`request to ${request.url()}`)
  })
  return complaints
}

const controls = new Set([
  'button',
  'textbox',
  'link',
  'checkbox',
  'combobox',
  'DisclosureTriangle',
  'Iframe',
  'dialog',
  'table',
])

interface AccessibilityNode {
  ignored: boolean
  role?: { value: string }
  name?: { value: string }
  parentId?: string
  nodeId: string
}

/** The controls that a screen reader meets on the page, as `role: name`. */
export async function readControls(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page)
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AccessibilityNode[] }
  await session.detach()
  return nodes
    .filter((node) => !node.ignored && controls.has(node.role?.value ?? ''))
    .map((node) => `${node.role?.value}: ${node.name?.value ?? ''}`)
}
