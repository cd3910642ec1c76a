import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Threads would share the Temporal SDK's native runtime and our signal handlers.
    pool: 'forks',
    // PostgreSQL, Temporal and the simulators want their share of two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // A process that is starved for seconds is not a wrong answer. What needed it is named at the end of the run.
    retry: 1,
    passWithNoTests: false,
    sequence: { hooks: 'stack' },
  },
})
