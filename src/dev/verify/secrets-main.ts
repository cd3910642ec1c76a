import { projectRoot } from '../documents.js'
import { acceptedPlaceholders, secretNames } from './placeholders.js'
import { findSecrets, findValues } from './secrets.js'
import { trackedFiles } from './tracked-files.js'

const files = trackedFiles(projectRoot)
const withVariables = /(?:^|\/)(?:\.env[^/]*|docker-compose[^/]*\.ya?ml)$/
const findings = files.flatMap(({ file, text }) => [
  ...findSecrets(file, text),
  ...(withVariables.test(file) ? findValues(file, text, secretNames) : []),
])
const accepted = acceptedPlaceholders()

for (const { file, line, what } of findings) process.stdout.write(`${file}:${line} looks like ${what}\n`)
for (const placeholder of accepted) process.stdout.write(`a production start would take ${placeholder}\n`)
process.stdout.write(
  `${files.length} files: ${findings.length} that look like secrets; ` +
    `${secretNames.size} secret variables: ${accepted.length} placeholders that production takes\n`,
)
process.exitCode = findings.length + accepted.length > 0 ? 1 : 0
