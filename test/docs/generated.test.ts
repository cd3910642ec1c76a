import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generatedDocuments, projectRoot, withBlock } from '../../src/dev/documents.js'

describe('generated documents', () => {
  it.each(generatedDocuments())('$path says what the code says; npm run docs brings it up to date', (document) => {
    expect(readFileSync(join(projectRoot, document.path), 'utf8')).toBe(document.text)
  })

  it('keep what stands around their block', () => {
    const text = 'before\n<!-- x:start -->\nold\n<!-- x:end -->\nafter\n'
    expect(withBlock(text, 'x', 'new')).toBe('before\n<!-- x:start -->\n\nnew\n\n<!-- x:end -->\nafter\n')
  })

  it('are not written into a document without the markers', () => {
    expect(() => withBlock('text', 'x', 'new')).toThrow('<!-- x:start -->')
  })
})
