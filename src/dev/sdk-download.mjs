// Has the Temporal SDK download the server program into a folder, apart from whoever waits: a download cannot be cancelled.
import { TestWorkflowEnvironment } from '@temporalio/testing'

const [downloadDir, version] = process.argv.slice(2)
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir, version } },
})
await environment.teardown()
process.exit(0)
