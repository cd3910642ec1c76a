import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourceContext } from './temporal-source.js'

/** Nothing arriving for so long means that there is no way out; a slow line goes on as long as bytes come. */
const stalledMs = 20_000

/** The SDK's own download: it knows where the server is published, and fails at once without a network. */
export async function downloadTemporal({ version, target, detail }: SourceContext) {
  mkdirSync(dirname(target), { recursive: true })
  const folder = mkdtempSync(join(dirname(target), 'download-'))
  try {
    const failure = await download(folder, `v${version}`, detail)
    const [program] = sizes(folder).sort((a, b) => b.size - a.size)
    if (failure !== undefined || !program)
      return { found: false, why: `download by the SDK: ${failure ?? 'it left no file'}` } as const
    chmodSync(program.path, 0o755)
    renameSync(program.path, target)
    return { found: true } as const
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sizes = (folder: string) =>
  readdirSync(folder).map((file) => ({ path: join(folder, file), size: statSync(join(folder, file)).size }))

function download(folder: string, version: string, detail: (text: string) => void): Promise<string | undefined> {
  const script = fileURLToPath(new URL('sdk-download.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, folder, version], { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const watch = watchGrowth(folder, detail, () => {
    errors = `Error: nothing arrived for ${stalledMs / 1000} s`
    child.kill('SIGKILL')
  })
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearInterval(watch)
      resolve(
        code === 0
          ? undefined
          : (/Error: (.*)/.exec(errors)?.[1] ?? (errors.trim().split('\n').at(-1) || `status ${code}`)),
      )
    })
  })
}

function watchGrowth(folder: string, detail: (text: string) => void, onStall: () => void): NodeJS.Timeout {
  let seen = { bytes: 0, at: Date.now() }
  return setInterval(() => {
    const bytes = sizes(folder).reduce((sum, { size }) => sum + size, 0)
    if (bytes > seen.bytes) seen = { bytes, at: Date.now() }
    detail(bytes > 0 ? `downloaded ${Math.round(bytes / 1e6)} MB` : 'trying the download')
    if (Date.now() - seen.at > stalledMs) onStall()
  }, 500)
}
