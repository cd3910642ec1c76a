import { runProcess } from './run.js'

await runProcess({ api: false, worker: true })
