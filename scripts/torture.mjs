/**
 * Messages through rings while both sides are killed at random moments, for long: 10,000,000 messages and 500 SIGKILLs of
 * each side, some minutes. The first words are other numbers; the seed that it prints can be given by the third:
 * `npm run torture -- 1000000 100 12345`.
 */
import { runTool } from './lib.mjs'

const [messages = '10000000', kills = '500', seed] = process.argv.slice(2)
process.exitCode = await runTool('vitest', ['run', 'test/e2e/ring.test.ts'], {
  env: {
    ...process.env,
    IPCSUP_TORTURE_MESSAGES: messages,
    IPCSUP_TORTURE_KILLS: kills,
    ...(seed !== undefined && { IPCSUP_TORTURE_SEED: seed }),
  },
})
