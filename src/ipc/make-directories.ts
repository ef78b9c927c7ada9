/** Directories of files that are kept: of logs and of stores. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** As `mkdir -p`, for this user only. Node's own turns in circles for ever where a directory is there and takes none (in /proc). */
export function makeDirectories(directory: string): void {
  const parent = dirname(directory)
  if (!existsSync(parent)) makeDirectories(parent)
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (!isDirectory(directory)) throw error
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
