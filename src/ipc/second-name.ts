/** A second name of a file that its users may remove: from it the first is made again. */
import { linkSync, lstatSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { NamedObject, Where } from './kind.js'
import { identify, identifyFile } from './named-objects.js'

export interface SecondName {
  readonly object: NamedObject
  /** Makes the name that is missing again; what somebody else put there stays. */
  readonly mend: () => void
}

/**
 * In the directory of the run; where that is on another file system, hidden beside the first.
 *
 * @returns null: neither takes a hard link, and the file stands on its own
 */
export function keepSecondName(first: NamedObject, where: Where): SecondName | null {
  const names = [join(where.runDirectory, `${where.link}.kept`), join(dirname(first.name), `.${where.uniqueName}`)]
  for (const name of names) {
    const object = linkAs(name, first, where)
    if (object) return { object, mend: () => mend(first, object) }
  }
  return null
}

function linkAs(name: string, first: NamedObject, where: Where): NamedObject | null {
  try {
    where.record({ type: 'file', name, identity: null })
    // Of a dead run: nobody else uses such a name.
    if (lstatSync(name, { throwIfNoEntry: false })) unlinkSync(name)
    linkSync(first.name, name)
  } catch {
    return null
  }
  const object = identify('file', name)!
  where.record(object)
  return object
}

function mend(first: NamedObject, second: NamedObject): void {
  try {
    if (isMissing(first) && isThere(second)) linkSync(second.name, first.name)
    else if (isMissing(second) && isThere(first)) linkSync(first.name, second.name)
  } catch {
    // The directory is gone or became read-only: nobody can come by that name any more, and who has the socket goes on.
  }
}

const isMissing = ({ name }: NamedObject): boolean => !lstatSync(name, { throwIfNoEntry: false })

function isThere({ name, identity }: NamedObject): boolean {
  const found = lstatSync(name, { throwIfNoEntry: false })
  return found !== undefined && identifyFile(found) === identity
}
