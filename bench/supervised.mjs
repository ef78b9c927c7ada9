/** Programs under a supervisor, of which one measures and says the figures: one JSON object on its output. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const limitMs = 60_000

/**
 * Starts them, waits until the last one of `processes` has said its figures, and stops all.
 *
 * @param links - as in a config
 * @param processes - name → `{ command, links }`
 */
export async function measureSupervised({ directory, links = {}, processes }) {
  const { createSupervisor } = await import('../dist/index.js')
  const measuring = Object.keys(processes).at(-1)
  const supervisor = createSupervisor(
    {
      name: 'bench',
      links,
      processes: Object.fromEntries(
        Object.entries(processes).map(([name, { command, links }]) => [
          name,
          {
            command,
            links,
            restart: 'never',
            stderr: 'inherit',
            ...(name === measuring ? { stdout: { file: 'figures.json' } } : {}),
          },
        ]),
      ),
      logs: { directory: join(directory, 'logs') },
    },
    { directory },
  )
  let timer
  const measured = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no figures within ${limitMs} ms`)), limitMs)
    supervisor.on('state', ({ process, to }) => {
      if (process === measuring && (to === 'completed' || to === 'failed')) resolve()
      else if (to === 'failed') reject(new Error(`${process} failed`))
    })
  })
  try {
    await supervisor.start()
    await measured
    return JSON.parse(readFileSync(join(directory, 'figures.json'), 'utf8'))
  } catch (error) {
    const commands = Object.values(processes).map(({ command }) => command.slice(1).join(' '))
    throw new Error(`${commands.join(' and ')}: ${error.message}`, { cause: error })
  } finally {
    clearTimeout(timer)
    await supervisor.stop({ kill: true })
  }
}
