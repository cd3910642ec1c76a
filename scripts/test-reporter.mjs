// Vitest's own report, without the lines of files of which a tag leaves nothing to run, and with what passed only at its
// second try: on a machine that is short of time one of thousands may, and it is to be seen to and not to be hidden.
import { DefaultReporter } from 'vitest/node'

export default class RunFilesReporter extends DefaultReporter {
  printTestModule(module) {
    if (module.state() !== 'skipped') super.printTestModule(module)
  }

  onTestRunEnd(modules, ...rest) {
    super.onTestRunEnd(modules, ...rest)
    for (const module of modules)
      for (const test of module.children.allTests())
        if (test.diagnostic()?.flaky)
          this.log(
            `passed at the second try: ${module.relativeModuleId} > ${test.fullName}`,
            `  ${String(test.result().errors?.[0]?.message).split('\n')[0]}`,
          )
  }
}
