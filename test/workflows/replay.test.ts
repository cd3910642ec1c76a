import { readdirSync, readFileSync } from 'node:fs'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { describe, inject, it } from 'vitest'
import { noSpans } from '../../src/temporal/worker.js'

/** As `temporal workflow show -o json` writes them; one for each way that a workflow may take. */
const folder = new URL('../fixtures/histories/', import.meta.url)
const histories = readdirSync(folder).filter((name) => name.endsWith('.json'))

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

describe('today’s workflows', () => {
  it.each(histories)('go on where %s left off', async (name) => {
    const history = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as object
    const workflowBundle = { codePath: inject('workflowBundlePath') }
    await Worker.runReplayHistory({ workflowBundle, sinks: noSpans }, history)
  })
})
