/** What the scripts of this repository share. Node only: they run before anything is installed. */
import { spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository, with a slash at the end. */
export const root = fileURLToPath(new URL('../', import.meta.url))

/** Runs a command in the repository, shown as it is; resolves with its exit status (128 + signal where one ended it). */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]))
  })
}

/** Runs a tool that `npm ci` installed. */
export function runTool(name, args, options) {
  return run(join(root, 'node_modules/.bin', name), args, options)
}

/** All files below `folder`, as paths from the repository, sorted. */
export function listFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length))
    .sort()
}

/** Time of the last change in ms; null where there is no such file. */
export function changedAtMs(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? null
}
