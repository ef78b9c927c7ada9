/** The public API. */
export { type Config, defineConfig } from './config/define.js'
export { createSupervisor, type EmbeddingOptions } from './embed.js'
export { type ErrorCode, type ErrorData, errorCodes, IpcsupError } from './errors.js'
export type {
  Controls,
  LinkStatus,
  LogFile,
  ProcessReport,
  ProcessState,
  ProcessStatus,
  Report,
  Status,
} from './supervisor/controls.js'
export type { LinkChange, ProcessHandle, StateChange, Supervisor, SupervisorEvents } from './supervisor/supervisor.js'
