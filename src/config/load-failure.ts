import { pathToFileURL } from 'node:url'
import { ExportFault, SyntaxFault } from './loaders.js'

/** What went wrong while a config was read or run, with its file and line where that is known. */
export function explainFailure(file: string, error: Error): string {
  if (error instanceof SyntaxFault || error instanceof ExportFault) return error.message
  if (error.message.startsWith('No loader specified'))
    return 'a config ends in .ts, .js, .mjs, .cjs, .json, .yaml or .yml, or is called .ipcsuprc.'
  if (/^Cannot find (package|module) 'ipcsup'/.test(error.message))
    return 'it imports "ipcsup", which is not installed beside it. Run `npm install ipcsup` there, or call it ipcsup.config.ts: that needs no install.'
  const { code, path } = error as NodeJS.ErrnoException
  if (code !== undefined && path === file) return explainUnread(code, error.message)
  const line = findLine(file, error)
  return `${line === null ? '' : `${file}:${line}: `}${nameFault(error)}.`
}

/** The system does not give the file, whose name is in the sentence already. */
function explainUnread(code: string, message: string): string {
  if (code === 'EACCES') return 'there is no permission to read it.'
  return `${message.replace(/, \w+ '.*'$/, '')}.`
}

/** `TypeError: bad (CODE)`, without what some put around it. */
function nameFault(error: Error): string {
  const message = error.message.split('\n')[0]!.trim().replace(/\.$/, '')
  return /^\w*Error: /.test(message) ? message : `${error.name}: ${message}`
}

/** The first place in the config itself that the stack names. jiti keeps lines, not columns. */
function findLine(file: string, error: Error): string | null {
  const text = `${error.stack ?? ''}\n${error.message}`
  for (const path of [pathToFileURL(file).href, file]) {
    const start = text.indexOf(`${path}:`)
    const line = start === -1 ? undefined : /^:(\d+)/.exec(text.slice(start + path.length))?.[1]
    if (line !== undefined) return line
  }
  return null
}
