/** What happens in the brain, as hooks and the listeners of a supervisor are told it. */
import type { EngineListener } from './brain/brain.js'
import type { Hooks } from './hooks.js'
import type { SupervisorEvents } from './supervisor.js'

export type Tell = <E extends keyof SupervisorEvents>(event: E, ...args: SupervisorEvents[E]) => void

type News = Pick<EngineListener, 'stateChanged' | 'linkChanged' | 'warning' | 'ended' | 'gaveUp'>

/** @param look - called when a state has changed */
export function makeNews(tell: Tell, hooks: Hooks, look: () => void): News {
  return {
    stateChanged: (record, from, to) => {
      if (to === 'running') hooks.run('onStart', record)
      const { name, generation, exit, note, instance } = record
      tell('state', { process: name, generation, from, to, pid: instance?.pid ?? null, exit, note })
      look()
    },
    linkChanged: ({ plan, generation }, side, change, unreadBytes) =>
      tell('link', { link: plan.name, generation, side, change, unreadBytes }),
    warning: message => tell('warning', message),
    ended: record => hooks.run('onExit', record),
    gaveUp: record => hooks.run('onGiveUp', record),
  }
}
