/**
 * Hooks: one-shot commands at an event of a process. They run beside the supervision and never hold it up; what they
 * are told is in their environment.
 */
import type { Plan } from '../config/plan.js'
import type { ProcessRecord } from './brain/records.js'

export type Hook = keyof Plan['processes'][string]['hooks']

/** A hook that takes longer is ended. */
const hookTimeoutMs = 30_000
/** Between SIGTERM and SIGKILL. */
const hookKillDelayMs = 2_000

export class Hooks {
  readonly #plan: Plan
  readonly #warn: (message: string) => void
  readonly #running = new Set<Promise<void>>()
  readonly #stopped = new AbortController()

  constructor(plan: Plan, warn: (message: string) => void) {
    this.#plan = plan
    this.#warn = warn
  }

  /** Runs the hook of this process, if it has one. A hook that fails is a warning. */
  run(hook: Hook, record: ProcessRecord): void {
    const argv = record.plan.hooks[hook]
    if (!argv) return
    const done = this.#execute(hook, record.name, argv, hookEnvironment(this.#plan.name, hook, record)).finally(() =>
      this.#running.delete(done),
    )
    this.#running.add(done)
  }

  async #execute(hook: Hook, name: string, argv: readonly string[], env: Record<string, string>): Promise<void> {
    // Imported here: it takes 100 ms, and most configs have no hooks.
    const { execa } = await import('execa')
    const [command, ...args] = argv
    const result = await execa(command!, args, {
      cwd: this.#plan.processes[name]!.cwd,
      env,
      stdin: 'ignore',
      stdout: 'ignore',
      maxBuffer: { stderr: 4096 },
      timeout: hookTimeoutMs,
      forceKillAfterDelay: hookKillDelayMs,
      cancelSignal: this.#stopped.signal,
      reject: false,
      // It would install exit handlers in the embedding app; `close` ends hooks instead.
      cleanup: false,
    })
    if (result.failed)
      this.#warn(`The ${hook} hook of "${name}" failed: ${firstLine(result.stderr) || result.shortMessage}`)
  }

  /** Waits for the hooks that run, at most `deadlineMs`; then ends them. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#running.size === 0) return
    const timer = setTimeout(() => this.#stopped.abort(), deadlineMs)
    await Promise.allSettled(this.#running)
    clearTimeout(timer)
  }
}

/** Not `IPCSUP_PROCESS` and the like: those mark members of an instance, which are ended with it. */
function hookEnvironment(project: string, hook: Hook, record: ProcessRecord): Record<string, string> {
  const { exit, instance } = record
  const env: Record<string, string> = {
    IPCSUP_HOOK: hook,
    IPCSUP_HOOK_PROJECT: project,
    IPCSUP_HOOK_PROCESS: record.name,
    IPCSUP_HOOK_GENERATION: String(record.generation),
    IPCSUP_HOOK_RESTARTS: String(Math.max(0, record.generation - 1)),
  }
  if (instance?.pid) env['IPCSUP_HOOK_PID'] = String(instance.pid)
  if (exit && hook !== 'onStart') {
    if ('code' in exit) env['IPCSUP_HOOK_CODE'] = String(exit.code)
    if ('signal' in exit) env['IPCSUP_HOOK_SIGNAL'] = exit.signal
    if ('error' in exit) env['IPCSUP_HOOK_ERROR'] = exit.error
  }
  return env
}

function firstLine(text: string | undefined): string {
  return text?.split('\n', 1)[0] ?? ''
}
