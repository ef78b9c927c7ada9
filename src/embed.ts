/** The supervisor inside a Node app. */
import { buildPlan } from './config/build-plan.js'
import type { Config } from './config/define.js'
import { kinds } from './ipc/kinds/index.js'
import { createWithRun } from './supervisor/create.js'
import { openRun } from './supervisor/run/open.js'
import type { Supervisor } from './supervisor/supervisor.js'
import { readVersion } from './version.js'

export interface EmbeddingOptions {
  /** What relative paths are relative to. Default: the working directory. */
  readonly directory?: string
}

/**
 * A supervisor for `config`, in this process. It starts nothing yet; it never ends the app, installs no signal handler,
 * and touches neither its streams nor its descriptors. `await using` or `stop()` leaves nothing behind. What is doubtful
 * in the config comes as `warning` events at the start.
 *
 * @throws IpcsupError `IPCSUP_ERR_CONFIG` with everything that is wrong in the config
 */
export function createSupervisor(config: Config, { directory = process.cwd() }: EmbeddingOptions = {}): Supervisor {
  const { plan, warnings } = buildPlan(config, { kinds, directory, configPath: null, isEmbedded: true })
  const open = () => openRun({ key: { pid: process.pid }, name: plan.name, version: readVersion() })
  return createWithRun(plan, open, warnings)
}
