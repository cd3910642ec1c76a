// Preloaded: node --import ./scripts/with-environment-file.mjs dist/src/server.js. Node's own --env-file-if-exists says at
// each start that there is none.
import { loadEnvironmentFile } from './environment-file.mjs'

loadEnvironmentFile()
