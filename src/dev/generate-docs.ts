import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedDocuments, projectRoot } from './documents.js'

const onlyLook = process.argv.includes('--check')

for (const { path, text } of generatedDocuments()) {
  const file = join(projectRoot, path)
  if (onlyLook) {
    if (readIfThere(file) === text) continue
    console.log(`stale    ${path}: npm run docs writes it anew`)
    process.exitCode = 1
    continue
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(`written  ${path}`)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
