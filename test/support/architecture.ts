/**
 * The rules of the house, as pure functions: file texts in, complaints out (empty: all is well). Each complaint names
 * the file and what is wrong with it.
 */

/** Path from the repository → text. */
export type Sources = Readonly<Record<string, string>>

/** A layer is a folder of src/, or a file directly in it. What it may import, at run time and as types. */
const layers = {
  errors: { code: [], types: [] },
  nearest: { code: [], types: [] },
  version: { code: [], types: [] },
  platform: { code: ['errors'], types: [] },
  ipc: { code: ['errors', 'nearest', 'platform'], types: [] },
  child: { code: ['errors', 'platform', 'ipc'], types: [] },
  config: { code: ['errors', 'nearest', 'ipc'], types: [] },
  supervisor: { code: ['errors', 'nearest', 'platform', 'ipc'], types: ['config/plan'] },
  plugins: { code: ['errors', 'supervisor'], types: ['config/plan'] },
  control: { code: ['errors', 'platform', 'ipc', 'supervisor'], types: ['config/plan'] },
  cli: {
    code: ['errors', 'nearest', 'version', 'platform', 'ipc', 'config', 'supervisor', 'control', 'plugins'],
    types: [],
  },
  embed: { code: ['errors', 'version', 'platform', 'ipc', 'config', 'supervisor'], types: [] },
  index: { code: ['errors', 'config', 'supervisor', 'plugins', 'embed'], types: [] },
} satisfies Record<string, { code: readonly string[]; types: readonly string[] }>

/** The one place that may import an outside package: a file, or a folder (with a slash at the end). */
const owners = {
  koffi: 'src/platform/',
  cosmiconfig: 'src/config/',
  jiti: 'src/config/',
  zod: 'src/config/',
  commander: 'src/cli/',
  execa: 'src/supervisor/hooks.ts',
  msgpackr: 'src/ipc/codec-msgpack.ts',
  pidusage: 'src/supervisor/host/',
  'tree-kill': 'src/supervisor/host/',
} satisfies Record<string, string>

export const ownedPackages = Object.keys(owners)

interface Import {
  readonly from: string
  readonly isType: boolean
}

/** Layers import only what is below them; from the config only the types of the Plan go further. */
export function findWrongDirections(sources: Sources): string[] {
  return eachImport(sources, (path, { from, isType }) => {
    if (!from.startsWith('.')) return null
    const target = resolveInside(path, from)
    const [own, other] = [layerOf(path), layerOf(target)]
    if (!isLayer(own)) return `${path} is in no known layer`
    if (other === own) return null
    const { code, types } = layers[own] as { code: readonly string[]; types: readonly string[] }
    if (code.includes(other)) return null
    if (isType && types.some(allowed => target === `src/${allowed}.ts`)) return null
    return `${path} imports ${target}: "${own}" may import ${code.join(', ') || 'nothing'}${types.length > 0 ? `, and types of ${types.join(', ')}` : ''}`
  })
}

/** Each outside package is imported in one place only. */
export function findForeignImports(sources: Sources): string[] {
  return eachImport(sources, (path, { from }) => {
    if (from.startsWith('.') || from.startsWith('node:')) return null
    const name = packageOf(from)
    const owner = (owners as Record<string, string>)[name]
    if (owner === undefined) return `${path} imports ${name}, which has no owner`
    return path.startsWith(owner) ? null : `${path} imports ${name}, which belongs to ${owner}`
  })
}

/** Packages that have an owner and that nobody imports. */
export function findUnusedPackages(sources: Sources): string[] {
  const used = new Set(Object.values(sources).flatMap(text => listImports(text).map(({ from }) => packageOf(from))))
  return ownedPackages.filter(name => !used.has(name))
}

/** Only src/platform asks which system this is. */
export function findSystemQuestions(sources: Sources): string[] {
  return findLines(sources, /process\.platform\b|\bos\.(platform|type)\(/, path => !path.startsWith('src/platform/'))
}

/** The getters of the standard streams set O_NONBLOCK on descriptions that are shared with strangers. */
export function findStandardStreams(sources: Sources): string[] {
  return findLines(sources, /\bprocess\s*\.\s*(stdin|stdout|stderr)\b/, () => true)
}

/** Nobody but a kind's own file decides by the name of a kind; pipelines alone are made of a certain kind. */
export function findNamedKinds(sources: Sources, kinds: readonly string[]): string[] {
  const names = kinds.join('|')
  const decides = new RegExp(
    `kind(\\.name)?\\s*[!=]==?\\s*['"](${names})['"]|['"](${names})['"]\\s*[!=]==?\\s*\\w*\\.?kind|case ['"](${names})['"]|switch \\([^)]*\\.kind(\\.name)?\\)`,
  )
  return findLines(sources, decides, path => !path.startsWith('src/ipc/kinds/'))
}

/** A file fits in the head. */
export function findLongFiles(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length
    return lines > 250 ? [`${path} has ${lines} lines: which two jobs has it?`] : []
  })
}

/** Every code is explained in the manual and used in the code, and the manual has no others. */
export function findUnboundCodes(codes: readonly string[], sources: Sources, manual: string): string[] {
  const explained = [...manual.matchAll(/^## (\S+)$/gm)].map(([, code]) => code!)
  const used = Object.entries(sources)
    .filter(([path]) => path !== 'src/errors.ts')
    .map(([, text]) => withoutComments(text))
    .join('\n')
  return [
    ...codes.filter(code => !explained.includes(code)).map(code => `${code} has no section in docs/errors.md`),
    ...codes.filter(code => !used.includes(`'${code}'`)).map(code => `${code} is thrown nowhere`),
    ...explained
      .filter(code => !codes.includes(code))
      .map(code => `docs/errors.md explains ${code}, which does not exist`),
    ...explained.flatMap((code, at) => {
      const next = explained[at + 1]
      return next !== undefined && next <= code ? [`docs/errors.md: ${next} stands after ${code}`] : []
    }),
  ]
}

function eachImport(sources: Sources, judge: (path: string, found: Import) => string | null): string[] {
  return Object.entries(sources).flatMap(([path, text]) =>
    listImports(text).flatMap(found => {
      const complaint = judge(path, found)
      return complaint === null ? [] : [complaint]
    }),
  )
}

/** Static, re-exporting and dynamic imports of a file. */
function listImports(text: string): Import[] {
  const code = withoutComments(text)
  const fixed = [...code.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+\sfrom\s+)?['"]([^'"]+)['"]/gm)]
  const dynamic = [...code.matchAll(/(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]/g)]
  return [...fixed, ...dynamic].map(([, type, name]) => ({ from: name!, isType: type !== undefined }))
}

function findLines(sources: Sources, wrong: RegExp, concerns: (path: string) => boolean): string[] {
  return Object.entries(sources).flatMap(([path, text]) =>
    concerns(path)
      ? withoutComments(text)
          .split('\n')
          .flatMap((line, at) => (wrong.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : []))
      : [],
  )
}

/** Comments become spaces; lines stay where they are. A block comment starts a line in this house. */
function withoutComments(text: string): string {
  return text
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, comment => comment.replace(/[^\n]/g, ' '))
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '')
}

function layerOf(path: string): string {
  return /^src\/([^/.]+)/.exec(path)?.[1] ?? ''
}

function isLayer(name: string): name is keyof typeof layers {
  return Object.hasOwn(layers, name)
}

function packageOf(from: string): string {
  return /^(@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? from
}

function resolveInside(path: string, from: string): string {
  return new URL(from, `file:///${path}`).pathname.slice(1).replace(/\.js$/, '.ts')
}
