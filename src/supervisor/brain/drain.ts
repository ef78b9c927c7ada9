import type { Plan } from '../../config/plan.js'
import { components, stopEdges } from './order.js'

interface Component {
  readonly members: readonly string[]
  readonly after: Component[]
  /** Components before it that are not through yet. */
  before: number
  readonly unfinished: Set<string>
  turned: boolean
}

/**
 * The order of a stop: each component of mutual reach has its turn when all before it are finished, so that what was
 * written is still read.
 */
export class Drain {
  readonly #componentOf = new Map<string, Component>()
  readonly #giveTurn: (members: readonly string[]) => void
  readonly #ready: Component[] = []

  /**
   * @param isFinished - at this moment; later changes are told by `finished` and `rejoined`
   * @param giveTurn - called once for each component when its turn has come
   */
  constructor(plan: Plan, isFinished: (name: string) => boolean, giveTurn: (members: readonly string[]) => void) {
    this.#giveTurn = giveTurn
    const edges = stopEdges(plan)
    const ordered = components(edges).map((members): Component => {
      const unfinished = new Set(members.filter(name => !isFinished(name)))
      return { members, after: [], before: 0, unfinished, turned: false }
    })
    for (const component of ordered) for (const name of component.members) this.#componentOf.set(name, component)
    for (const component of ordered) this.#connect(component, edges)
    this.#ready.push(...ordered.filter(component => component.before === 0))
  }

  #connect(component: Component, edges: ReadonlyMap<string, ReadonlySet<string>>): void {
    const followers = new Set<Component>()
    for (const name of component.members)
      for (const next of edges.get(name)!) {
        const follower = this.#componentOf.get(next)!
        if (follower !== component) followers.add(follower)
      }
    for (const follower of followers) follower.before += 1
    component.after.push(...followers)
  }

  finished(name: string): void {
    const component = this.#componentOf.get(name)!
    const last = component.unfinished.delete(name) && component.unfinished.size === 0
    if (component.turned && last) this.#pass(component)
  }

  /** A finished member whose turn has not come runs again (a reset). */
  rejoined(name: string): void {
    this.#componentOf.get(name)!.unfinished.add(name)
  }

  /** Gives every turn that has come. */
  advance(): void {
    for (let component = this.#ready.shift(); component; component = this.#ready.shift()) {
      component.turned = true
      const through = component.unfinished.size === 0
      this.#giveTurn(component.members)
      if (through) this.#pass(component)
    }
  }

  #pass(component: Component): void {
    for (const follower of component.after) {
      follower.before -= 1
      if (follower.before === 0) this.#ready.push(follower)
    }
  }
}
