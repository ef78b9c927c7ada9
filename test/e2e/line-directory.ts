import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inputs } from './random-pipelines.js'

/** A directory with the files that lines read. */
export function makeDirectory(root: string, index: number): string {
  const directory = join(root, String(index))
  mkdirSync(join(directory, 'directory'), { recursive: true })
  for (const [name, content] of Object.entries(inputs)) writeFileSync(join(directory, name), content)
  writeFileSync(join(directory, 'plain'), 'no program\n')
  chmodSync(join(directory, 'plain'), 0o644)
  return directory
}

/** Every file of it with its content. */
export function readDirectory(root: string, index: number): Record<string, string> {
  const directory = join(root, String(index))
  const names = readdirSync(directory).filter(name => !statSync(join(directory, name)).isDirectory())
  return Object.fromEntries(names.sort().map(name => [name, readFileSync(join(directory, name), 'latin1')]))
}
