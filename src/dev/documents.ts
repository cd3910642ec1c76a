import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configTable, envExample } from '../config.js'
import { documentedRoutes } from './application-routes.js'
import { eventsDocument } from './events-document.js'
import { metricsDocument } from './metrics-document.js'
import { outcomesDocument } from './outcomes-document.js'
import { permissionsDocument } from './permissions-document.js'

/** Folder of package.json, from the sources and from the build alike. */
export const projectRoot = fileURLToPath(
  new URL(import.meta.url.endsWith('.js') ? '../../../' : '../../', import.meta.url),
)

/** Replaces what stands between `<!-- name:start -->` and `<!-- name:end -->`. */
export function withBlock(text: string, name: string, block: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`there are no markers ${start} … ${end}`)
  return `${text.slice(0, from + start.length)}\n\n${block}\n\n${text.slice(to)}`
}

/** What the configuration's schema, the rules of outcomes and the routes say in the documents, as the files should be. */
export function generatedDocuments(root = projectRoot): { path: string; text: string }[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  return [
    { path: '.env.example', text: envExample() },
    { path: 'README.md', text: withBlock(readme, 'configuration', configTable()) },
    { path: 'docs/outcomes.md', text: outcomesDocument() },
    { path: 'docs/permissions.md', text: permissionsDocument(documentedRoutes()) },
    { path: 'docs/events.md', text: eventsDocument() },
    { path: 'docs/metrics.md', text: metricsDocument() },
  ]
}
