// What the scripts share before anything is built: progress, and one start at a time.
import { spawn } from 'node:child_process'
import { appendFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

export const say = (message) => process.stderr.write(`${message}\n`)

/** A failure that a person can do something about: shown without a stack. */
export class Refusal extends Error {}

/** Ends the process with what to do instead of a stack. */
export function fail(error) {
  say(error instanceof Refusal ? `\n${error.message}` : String(error?.stack ?? error))
  process.exit(1)
}

/** Runs a step; one that takes longer than two seconds says so every two seconds. */
export async function step(name, work) {
  const began = Date.now()
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`
  let shown = false
  const timer = setInterval(() => {
    shown = true
    say(`… ${name} ${seconds()}`)
  }, 2_000)
  try {
    const result = await work()
    if (shown) say(`✓ ${name} ${seconds()}`)
    return result
  } finally {
    clearInterval(timer)
  }
}

/** Runs a program quietly; its output goes to a log, and its end into the message when it fails. */
export function run(command, args, { log, env = process.env, whatToDo }) {
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, `$ ${command} ${args.join(' ')}\n`)
  // On Windows npm is a command file, which only a shell starts.
  const child = spawn(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: /\.cmd$/.test(command),
  })
  let output = ''
  const take = (chunk) => {
    output = (output + chunk.toString()).slice(-20_000)
    appendFileSync(log, chunk)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Refusal(`${command}: ${error.message}\n\n${whatToDo}`)))
    child.once('close', (code) => {
      if (code === 0) return resolve()
      const end = output.trimEnd().split('\n').slice(-25).join('\n')
      reject(
        new Refusal(
          `${end}\n\n${command} ${args.join(' ')} failed (status ${code}); all of its output is in ${log}\n${whatToDo}`,
        ),
      )
    })
  })
}

/** Start time of a process, so that a later one with its id is not taken for it; only Linux tells without a program. */
function startedAt(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19]
  } catch {
    return process.platform === 'linux' ? undefined : isAlive(pid) ? 'running' : undefined
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The process that holds the lock, or undefined when it is gone. */
function holderOf(path) {
  try {
    const [pid, started] = readFileSync(path, 'utf8').split(' ')
    return pid && startedAt(Number(pid)) === started ? pid : undefined
  } catch {
    return undefined
  }
}

function tryLock(path) {
  const own = `${path}.${process.pid}`
  writeFileSync(own, `${process.pid} ${startedAt(process.pid)}`)
  try {
    // Linked, so that nobody sees a lock without its holder.
    linkSync(own, path)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(own, { force: true })
  }
}

/** `npm start` and `npm test` at once install and build once. */
export async function alone(work) {
  const path = join(root, '.parley', 'preparing.lock')
  mkdirSync(dirname(path), { recursive: true })
  for (let waited = false; !tryLock(path);) {
    const holder = holderOf(path)
    if (holder === undefined) rmSync(path, { force: true })
    else {
      if (!waited) say(`process ${holder} is preparing this checkout: waiting for it`)
      waited = true
      await sleep(200)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}
