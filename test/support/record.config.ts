import { defineConfig } from 'vitest/config'

/** Writes the histories of sessions that test/fixtures/histories lacks. */
export default defineConfig({
  test: {
    include: ['test/support/record-histories.recorder.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
