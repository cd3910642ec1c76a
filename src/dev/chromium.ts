import { existsSync } from 'node:fs'
import { childEnvironment } from './environment.js'
import { onPath } from './path-search.js'

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const bundles = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The path of an installed Chromium, for the browser tests. */
export function findChromium(): string | undefined {
  const environment = childEnvironment()
  return [...programs.flatMap((program) => onPath(program, environment)), ...bundles].find((path) => existsSync(path))
}
