// Vitest's own report, without the lines of files of which a tag leaves nothing to run.
import { DefaultReporter } from 'vitest/node'

export default class RunFilesReporter extends DefaultReporter {
  printTestModule(module) {
    if (module.state() !== 'skipped') super.printTestModule(module)
  }
}
