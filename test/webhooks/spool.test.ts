import { appendFile, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/domain/webhook.js'
import { createReceiptCipher } from '../../src/store/receipt-cipher.js'
import { createSpool } from '../../src/store/spool.js'
import { createSpoolDrain } from '../../src/store/spool-drain.js'
import type { Arrival } from '../../src/store/webhook-receipts.js'

let dir: string
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'parley-spool-'))))
const cipher = createReceiptCipher([])
const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((spool) => spool.close()))
  await rm(dir, { recursive: true, force: true })
})

const aDelivery = (key: string): Delivery => ({
  provider: 'tavus',
  kind: 'system.shutdown',
  externalId: 'c1',
  deliveryKey: `tavus/${key}`,
  eventId: key,
  payload: Buffer.from([0, 1, 250, 10, 13]),
  headers: { 'user-agent': 'test' },
})
const spooled = (key: string) => ({ delivery: aDelivery(key), receivedAt: '2026-03-01T10:00:00.000Z' })
const row = (arrival: Arrival) => ({
  id: 'id',
  delivery_key: arrival.delivery.deliveryKey,
  status: 'received' as const,
  tenant_id: null,
  inserted: true,
})

function drainOf(insert: (arrivals: readonly Arrival[]) => void, quietMs = -1) {
  const said: string[] = []
  const log = {
    info() {},
    warn: (_: object, text: string) => void said.push(text),
    error: (_: object, text: string) => void said.push(text),
  }
  const spool = createSpool({ dir, quietMs, cipher })
  opened.push(spool)
  const drain = createSpoolDrain({
    spool,
    log,
    wake() {},
    insert: async (arrivals) => {
      await Promise.resolve()
      insert(arrivals)
      return arrivals.map(row)
    },
  })
  return { spool, drain, said }
}

describe('the spool', () => {
  it('gives back every byte of a delivery', async () => {
    const taken: Arrival[] = []
    const { spool, drain } = drainOf((arrivals) => void taken.push(...arrivals))
    await spool.append(spooled('a'))
    expect(await drain.drainNow()).toBe(1)
    expect(taken).toEqual([{ ...spooled('a'), sealed: true, drain: true, source: 'spool', count: 1 }])
    expect(await readdir(dir)).toEqual([])
  })

  it('loses no delivery that is appended while others are drained, by another process too', async () => {
    const taken = new Set<string>()
    const { spool, drain } = drainOf(
      (arrivals) => arrivals.forEach(({ delivery }) => taken.add(delivery.deliveryKey)),
      5,
    )
    const second = drainOf((arrivals) => arrivals.forEach(({ delivery }) => taken.add(delivery.deliveryKey)), 5)
    const answered: string[] = []
    let appending = true
    const draining = (async () => {
      while (appending) await Promise.all([drain.drainNow(), second.drain.drainNow()])
    })()
    for (let round = 0; round < 40; round++)
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          await (n % 2 ? spool : second.spool).append(spooled(`${round}-${n}`))
          answered.push(`tavus/${round}-${n}`)
        }),
      )
    appending = false
    await draining
    await new Promise((resolve) => setTimeout(resolve, 10))
    await drain.drainNow()
    expect(answered.filter((key) => !taken.has(key))).toEqual([])
    expect(taken.size).toBe(800)
  })

  it('keeps what it holds while the database is away', async () => {
    const down = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    let away = true
    const taken = new Set<string>()
    const { spool, drain } = drainOf((arrivals) => {
      if (away) throw down
      arrivals.forEach(({ delivery }) => taken.add(delivery.deliveryKey))
    })
    for (let n = 0; n < 5; n++) {
      await spool.append(spooled(String(n)))
      expect(await drain.drainNow()).toBe(0)
    }
    expect((await readdir(dir)).length).toBeLessThanOrEqual(2)
    away = false
    await drain.drainNow()
    expect(taken.size).toBe(5)
  })

  it('brings in the same deliveries again after a crash between the commit and the removal', async () => {
    const keys: string[] = []
    const { spool, drain } = drainOf(
      (arrivals) => void keys.push(...arrivals.map(({ delivery }) => delivery.deliveryKey)),
    )
    await spool.append(spooled('a'))
    const path = await spool.nextFile()
    const read = []
    for await (const one of spool.read(path ?? '', { broken: 0, torn: 0 })) read.push(one)
    expect(read).toHaveLength(1)
    await drain.drainNow()
    expect(keys).toEqual(['tavus/a'])
  })

  it('sets a file aside when the database refuses one of its deliveries, and takes the others', async () => {
    const taken: string[] = []
    const { spool, drain, said } = drainOf((arrivals) => {
      if (arrivals.some(({ delivery }) => delivery.deliveryKey === 'tavus/bad')) throw new Error('check constraint')
      taken.push(...arrivals.map(({ delivery }) => delivery.deliveryKey))
    })
    await Promise.all(['a', 'bad', 'b'].map((key) => spool.append(spooled(key))))
    await drain.drainNow()
    expect(taken).toEqual(['tavus/a', 'tavus/b'])
    expect(await readdir(dir)).toEqual([expect.stringMatching(/\.refused$/)])
    expect(said).toEqual(['spooled webhook refused; its file is kept'])
    expect(await drain.drainNow()).toBe(0)
  })

  it('reports a line that a crash left unfinished, and goes on', async () => {
    await writeFile(join(dir, 'old.spool'), '{"half')
    const { drain, said } = drainOf(() => undefined)
    await drain.drainNow()
    expect(said).toEqual(['unfinished lines in the webhook spool, never answered'])
    expect(await readdir(dir)).toEqual([])
  })

  it.each(['{"half', 'null', '[]', '{"payload":5}'])(
    'keeps the file of a whole line that is no delivery: %s',
    async (line) => {
      const taken: string[] = []
      const { spool, drain, said } = drainOf(
        (arrivals) => void taken.push(...arrivals.map((one) => one.delivery.deliveryKey)),
      )
      await spool.append(spooled('a'))
      const [name = ''] = await readdir(dir)
      await appendFile(join(dir, name), `${line}\n`)
      await spool.append(spooled('b'))
      await drain.drainNow()
      expect(taken).toEqual(['tavus/a', 'tavus/b'])
      expect(said).toEqual(['lines of the webhook spool cannot be read; their file is kept'])
      expect(await readdir(dir)).toEqual([name.replace('.spool', '.refused')])
    },
  )

  it('puts aside what it cannot read, once, and brings the others in', async () => {
    // Nobody reads a folder as a file.
    await mkdir(join(dir, 'aaaa.draining'))
    const taken: string[] = []
    const { spool, drain, said } = drainOf(
      (arrivals) => void taken.push(...arrivals.map((one) => one.delivery.deliveryKey)),
    )
    await spool.append(spooled('a'))
    expect(await drain.drainNow()).toBe(1)
    await drain.drainNow()
    expect(taken).toEqual(['tavus/a'])
    expect(said).toEqual(['a file of the webhook spool cannot be read; it is kept'])
    expect(await readdir(dir)).toEqual(['aaaa.refused'])
  })

  it('goes on past a file that cannot even be put aside', async () => {
    await mkdir(join(dir, 'aaaa.draining'))
    await writeFile(join(dir, 'aaaa.refused'), 'in the way')
    const taken: string[] = []
    const { spool, drain } = drainOf((arrivals) => void taken.push(...arrivals.map((one) => one.delivery.deliveryKey)))
    await spool.append(spooled('a'))
    await drain.drainNow()
    expect(taken).toEqual(['tavus/a'])
    expect((await readdir(dir)).sort()).toEqual(['aaaa.draining', 'aaaa.refused'])
  })

  it('begins another file when one is large enough, and brings all of them in', async () => {
    const spool = createSpool({ dir, quietMs: -1, cipher, maxFileBytes: 2000 })
    opened.push(spool)
    for (let n = 0; n < 40; n++) await spool.append(spooled(String(n)))
    const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size))
    expect(sizes.length).toBeGreaterThan(3)
    expect(Math.max(...sizes)).toBeLessThan(2500)
    const taken: string[] = []
    const { drain } = drainOf((arrivals) => void taken.push(...arrivals.map((one) => one.delivery.deliveryKey)))
    expect(await drain.drainNow()).toBe(40)
    expect(new Set(taken).size).toBe(40)
  })

  it('reads a file that is longer than a text can be', async () => {
    const { spool, drain, said } = drainOf(() => undefined)
    await spool.append(spooled('a'))
    const path = (await spool.nextFile()) ?? ''
    const file = await open(path, 'r+')
    // A hole: it takes no room on the disk, and is read as zeros.
    await file.truncate(600 * 1024 * 1024)
    await file.close()
    expect(await drain.drainNow()).toBe(1)
    expect(said).toEqual(['unfinished lines in the webhook spool, never answered'])
  })
})
