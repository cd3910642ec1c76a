import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { childEnvironment } from '../environment.js'
import { Refusal } from '../refusal.js'
import { findGo, goInstall } from '../temporal-build.js'
import { temporalCachePath } from '../temporal-binary.js'

/** The last one before its module has replace directives, which `go install` refuses. */
export const livekitVersion = '1.13.5'
const source = `github.com/livekit/livekit-server/cmd/server@v${livekitVersion}`

/** The path of a real livekit-server: the cached one, else built by Go, once for this machine. */
export async function findLivekit(detail: (text: string) => void): Promise<string> {
  const env = childEnvironment()
  const target = join(dirname(dirname(temporalCachePath(env))), `livekit-${livekitVersion}`, 'server')
  if (existsSync(target)) return target
  const go = findGo(env)
  if (!go) throw new Refusal('a livekit-server is built with Go, and there is no go on PATH')
  mkdirSync(dirname(target), { recursive: true })
  const folder = mkdtempSync(join(dirname(target), 'build-'))
  try {
    const failure = await goInstall(go, { source, folder, env, detail })
    if (failure !== undefined) throw new Refusal(`livekit-server could not be built: ${failure}`)
    // Renamed into place: a killed build leaves no half program.
    renameSync(join(folder, 'server'), target)
    return target
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
