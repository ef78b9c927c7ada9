/** What cosmiconfig does for us, with loaders of our own for every language. */
import { pathToFileURL } from 'node:url'
import { cosmiconfig, defaultLoaders, type Loader } from 'cosmiconfig'
import { configNames } from './find.js'
import { ExportFault, parseJson, SyntaxFault } from './loaders.js'
import { quote } from './problems.js'
import { findSyntaxFault, runTypeScript } from './typescript.js'

/**
 * @param refuseLong - called with the length of each text before it is parsed; throws when that is too much
 * @returns what the file gives; undefined or null when that is nothing
 */
export async function loadByCosmiconfig(
  file: string,
  refuseLong: (file: string, bytes: number) => void,
): Promise<unknown> {
  const limited = (load: Loader): Loader => {
    return async (path, text) => {
      refuseLong(path, Buffer.byteLength(text))
      return load(path, text)
    }
  }
  const yaml = limited(loadYaml)
  const script = limited(loadScript)
  const explorer = cosmiconfig('ipcsup', {
    searchPlaces: [...configNames],
    searchStrategy: 'none',
    cache: false,
    loaders: {
      '.json': limited(parseJson),
      '.yaml': yaml,
      '.yml': yaml,
      // `.ipcsuprc` itself: JSON is YAML too.
      noExt: yaml,
      '.js': script,
      '.mjs': script,
      '.cjs': script,
      // cosmiconfig's own needs the old API of the package typescript, and writes beside the config.
      '.ts': limited(loadTypeScript),
    },
  })
  return (await explorer.load(file))?.config
}

const loadYaml: Loader = (file, text) => {
  try {
    return defaultLoaders['.yaml'](file, text)
  } catch (cause) {
    const { mark, reason } = cause as { mark?: { line: number; column: number }; reason?: string }
    if ((cause as Error).message.includes('a single document'))
      throw new ExportFault('it has several YAML documents. Keep one, without a line "---" after it.')
    if (mark === undefined || reason === undefined) throw cause
    throw new SyntaxFault(file, mark.line + 1, mark.column + 1, `${reason}.`, { cause })
  }
}

const loadScript: Loader = async file => {
  try {
    return takeDefault(await import(pathToFileURL(file).href))
  } catch (error) {
    refuseThrown(error)
    // Node says what is wrong in the syntax of a module, but not where.
    if (error instanceof SyntaxError) throw (await findSyntaxFault(file)) ?? error
    throw error
  }
}

const loadTypeScript: Loader = async file => {
  try {
    return takeDefault(await runTypeScript(file))
  } catch (error) {
    refuseThrown(error)
    throw error
  }
}

/** cosmiconfig writes into whatever was thrown, so it must be an object. */
function refuseThrown(thrown: unknown): void {
  if (!(thrown instanceof Error)) throw new ExportFault(`it throws ${quote(thrown)}, which is no Error.`)
}

/** The default export; of a CommonJS file that was written as a module, the one in it. */
function takeDefault(module: unknown): unknown {
  const exported = (module as { default?: unknown }).default
  if ((exported as { __esModule?: unknown } | undefined)?.__esModule === true) return takeDefault(exported)
  refuseDeferred(exported)
  return exported
}

/** A config is data: what runs later could not be checked before anything is made. */
function refuseDeferred(exported: unknown): void {
  if (typeof exported === 'function')
    throw new ExportFault('its default export is a function. Call it: export default makeConfig().')
  if (typeof (exported as { then?: unknown } | null | undefined)?.then === 'function')
    throw new ExportFault('its default export is a promise. Wait for it: export default await promise.')
}
