import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Small files that take long. Where no earlier run has told how long, vitest begins with the largest files. */
const long = ['ipc/kinds', 'e2e/docs', 'cli/link', 'ipc/ring/foreign', 'e2e/lifetimes', 'ipc/frames/kills']

/** Begins with what takes longest: else all cores but one have nothing to do at the end. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => long.some(name => moduleId.endsWith(`/test/${name}.test.ts`))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    // Forks: worker threads would share descriptors, the working directory and signals between test files.
    pool: 'forks',
    // One more than the cores that it is meant for: most tests wait for processes of theirs.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    include: ['test/**/*.test.ts'],
    // Against what hangs, and nothing else: who shares the machine with others takes many times as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
    retry: 0,
    globalSetup: [],
  },
})
