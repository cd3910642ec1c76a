import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedDocuments, projectRoot } from './documents.js'

for (const { path, text } of generatedDocuments()) {
  writeFileSync(join(projectRoot, path), text)
  console.log(`written  ${path}`)
}
