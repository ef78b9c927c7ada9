/** Names as users give them: of one process, or of the replicas or stages that are named after it. */

/** The known names that `name` stands for: itself, or all that begin with it and a dot; none: there is nothing so called. */
export function membersOf(name: string, known: readonly string[]): string[] {
  return known.filter(one => one === name || one.startsWith(`${name}.`))
}

/** What stands for several of these, such as `web` for `web.0` and `web.1`. */
export function listGroups(known: readonly string[]): string[] {
  return [...new Set(known.filter(name => name.includes('.')).map(name => name.slice(0, name.lastIndexOf('.'))))]
}
