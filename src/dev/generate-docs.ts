import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedDocuments, projectRoot } from './documents.js'

for (const { path, text } of generatedDocuments()) {
  mkdirSync(dirname(join(projectRoot, path)), { recursive: true })
  writeFileSync(join(projectRoot, path), text)
  console.log(`written  ${path}`)
}
