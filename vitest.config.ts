import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Forks: worker threads would share descriptors, the working directory and signals between test files.
    pool: 'forks',
    // One more than the cores that it is meant for: most tests wait for processes of theirs.
    maxWorkers: 3,
    include: ['test/**/*.test.ts'],
    // Against what hangs, and nothing else: who shares the machine with others takes many times as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
    retry: 0,
    globalSetup: [],
  },
})
