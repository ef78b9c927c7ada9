/** The end of a program that is asked to stop. */

const signals = ['SIGTERM', 'SIGINT'] as const satisfies readonly NodeJS.Signals[]

const jobs: (() => unknown)[] = []

/**
 * Has `job` done, once, when this program is asked to stop: by SIGTERM, as ipcsup does by default, or SIGINT, as a
 * terminal does. When all jobs are done the program ends, with `process.exitCode` or 0. A second such signal ends it at
 * once. Does not keep the program alive; a job that throws or rejects ends it as any error that nobody catches.
 */
export function onStop(job: () => unknown): void {
  jobs.push(job)
  if (jobs.length === 1) for (const signal of signals) process.on(signal, stop)
}

async function stop(): Promise<void> {
  // Without a listener a signal does again what it does by default.
  for (const signal of signals) process.off(signal, stop)
  await Promise.all(jobs.splice(0).map(async job => job()))
  process.exit()
}
