/** What a link is, where it is, and how it stands. */
import type { LinkStatus } from '../../supervisor/controls.js'
import { locateRun } from '../locate.js'
import { describeFacts, describePlace } from '../show/facts.js'
import { escapeControls, formatJson } from '../show/text.js'
import type { Action, Use } from './action.js'

export const show: Action = {
  words: '',
  options: ['json'],
  async run(use) {
    const { call, access } = use
    const { name, kind, form, sides, own, options, hint } = access
    const now = await askStatus(use)
    if (call.options.json === true) {
      call.out.write(formatJson({ name, kind, form, sides: Object.keys(sides), own, hint, options, now }))
      return 0
    }
    const rows: readonly (readonly [string, string])[] = [
      ['link', name],
      ['kind', kind],
      ['sides', Object.keys(sides).join(', ')],
      ['own side', own ?? ''],
      ['place', describePlace(hint)],
      ['now', now === null ? '' : describeFacts(now).join(', ')],
    ]
    const shown = rows.filter(([, text]) => text !== '')
    const width = Math.max(...shown.map(([title]) => title.length))
    for (const [title, text] of shown) call.out.write(`${title.padEnd(width)}  ${escapeControls(text)}\n`)
    return 0
  },
}

/** As the supervisor sees it; null: none can be asked. */
async function askStatus({ call, access }: Use): Promise<LinkStatus | null> {
  try {
    const { run, where } = locateRun(call)
    const { connectControls } = await import('../../control/client.js')
    const { links } = await connectControls(run.directory, where).status()
    return links.find(({ name }) => name === access.name) ?? null
  } catch (error) {
    // A process that has an end may use it when its supervisor is gone, or is another user's.
    if (access.own !== null) return null
    throw error
  }
}
