import { runProcess } from './run.js'

await runProcess({ api: true, worker: true })
