import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { findConfig, loadConfig } from '../../src/config/load.js'
import { IpcsupError } from '../../src/errors.js'
import { kinds } from './support.js'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'ipcsup-load-')))
process.env['XDG_CACHE_HOME'] = join(root, 'cache')
afterAll(() => rmSync(root, { recursive: true }))

let count = 0
let directory = ''
beforeEach(() => {
  directory = join(root, `case-${count++}`)
  mkdirSync(directory)
})

function write(name: string, text: string): string {
  const path = join(directory, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const load = (file?: string) => loadConfig({ kinds, directory, file })
const nameOf = async (file?: string) => (await load(file)).plan.name

async function failureOf(file?: string): Promise<{ code: string; message: string }> {
  try {
    await load(file)
  } catch (error) {
    expect(error).toBeInstanceOf(IpcsupError)
    expect((error as IpcsupError).status).toBe(2)
    return error as IpcsupError
  }
  throw new Error('the config was loaded')
}

describe('a config is found and read', () => {
  it.each([
    [
      'ipcsup.config.ts',
      `import { defineConfig } from 'ipcsup'\nconst name: string = 'found'\nexport default defineConfig({ name })`,
    ],
    ['ipcsup.config.js', `module.exports = { name: 'found' }`],
    ['ipcsup.config.mjs', `export default { name: 'found' }`],
    ['ipcsup.config.cjs', `exports.__esModule = true; exports.default = { name: 'found' }`],
    ['ipcsup.config.json', `{ "name": "found" }`],
    ['ipcsup.config.yaml', 'name: found'],
    ['ipcsup.config.yml', 'name: found'],
    ['.ipcsuprc', 'name: found'],
    ['.ipcsuprc.json', `{ "name": "found" }`],
    ['.ipcsuprc.yaml', 'name: found'],
    ['.ipcsuprc.ts', `export default { name: 'found' } satisfies { name: string }`],
    ['package.json', `{ "name": "app", "ipcsup": { "name": "found" } }`],
  ])('as %s', async (name, text) => {
    const path = write(name, text)
    expect(await nameOf()).toBe('found')
    expect(findConfig(directory)).toBe(path)
  })

  it('as any file that is named, relative to the directory', async () => {
    write('ipcsup.config.json', `{ "name": "other" }`)
    write('conf/mine.yaml', 'name: found\nprocesses: { a: { command: x, cwd: sub } }')
    const { plan } = await load('conf/mine.yaml')
    expect(plan).toMatchObject({
      name: 'found',
      configPath: join(directory, 'conf/mine.yaml'),
      directory: join(directory, 'conf'),
    })
    expect(plan.processes['a']!.cwd).toBe(join(directory, 'conf/sub'))
  })

  it('§16 by its real path', async () => {
    write('real/a.json', `{}`)
    symlinkSync('real/a.json', join(directory, 'ipcsup.config.json'))
    expect((await load()).plan).toMatchObject({
      configPath: join(directory, 'real/a.json'),
      directory: join(directory, 'real'),
    })
    expect(findConfig(directory)).toBe(join(directory, 'real/a.json'))
  })

  it('with what it imports by $import', async () => {
    write('base.json', `{ "strict": true, "name": "base" }`)
    write('ipcsup.config.json', `{ "$import": "base.json", "name": "found" }`)
    expect((await load()).plan).toMatchObject({ name: 'found', strict: true })
  })

  it('a byte order mark, as some editors write it, means nothing', async () => {
    write('ipcsup.config.json', `\ufeff{ "name": "found" }`)
    expect(await nameOf()).toBe('found')
  })

  it('in a package.json, whatever else is in that one', async () => {
    write('package.json', `{ "scripts": { "a": "1", "a": "2" }, "ipcsup": { "name": "found" } }`)
    expect(await nameOf()).toBe('found')
  })

  it('a package.json without the key is none', () => {
    write('package.json', `{ "name": "app" }`)
    expect(findConfig(directory)).toBeNull()
    write('package.json', `{ "name": `)
    expect(findConfig(directory)).toBeNull()
  })

  it('a TypeScript config works where the cache cannot be written', async () => {
    const cache = process.env['XDG_CACHE_HOME']!
    process.env['XDG_CACHE_HOME'] = '/proc/nowhere'
    write('ipcsup.config.ts', `export default { name: 'found' as string }`)
    expect(await nameOf()).toBe('found')
    process.env['XDG_CACHE_HOME'] = cache
  })

  it('a translated config is not kept where others can write', async () => {
    const cache = process.env['XDG_CACHE_HOME']!
    mkdirSync(join(directory, 'cache/ipcsup'), { recursive: true })
    chmodSync(join(directory, 'cache/ipcsup'), 0o777)
    process.env['XDG_CACHE_HOME'] = join(directory, 'cache')
    write('ipcsup.config.ts', `export default { name: 'found' as string }`)
    expect(await nameOf()).toBe('found')
    expect(execFileSync('ls', [join(directory, 'cache/ipcsup')], { encoding: 'utf8' })).toBe('')
    process.env['XDG_CACHE_HOME'] = cache
  })
})

describe('a config that cannot be loaded is an error that says why', () => {
  it('none: what was looked for, and ipcsup init', async () => {
    const { code, message } = await failureOf()
    expect(code).toBe('IPCSUP_ERR_CONFIG_NOT_FOUND')
    expect(message).toContain(
      `There is no config in ${directory}: looked for ipcsup.config.{ts,js,mjs,cjs,json,yaml,yml}, .ipcsuprc`,
    )
    expect(message).toContain('ipcsup init')
    expect(findConfig(directory)).toBeNull()
  })

  it('two: both names', async () => {
    write('ipcsup.config.json', '{}')
    write('.ipcsuprc.yaml', 'name: x')
    write('package.json', '{ "ipcsup": {} }')
    const { code, message } = await failureOf()
    expect(code).toBe('IPCSUP_ERR_CONFIG_AMBIGUOUS')
    expect(message).toContain('3 configs: ipcsup.config.json, .ipcsuprc.yaml, package.json')
    expect(() => findConfig(directory)).toThrow('Remove all but one')
  })

  it('a directory that is not there', async () => {
    directory = join(directory, 'gone')
    expect((await failureOf()).message).toContain('ENOENT')
  })

  it.each([
    [
      'throws.ts',
      'interface X { a: number }\n\nconst x: X = { a: 1 }\nthrow new TypeError(`bad ${x.a}`)\nexport default x',
      'throws.ts:4: TypeError: bad 1.',
    ],
    ['throws.mjs', 'const a = 1\nthrow new Error("no")', 'throws.mjs:2: Error: no.'],
    ['throws.cjs', '\n\nthrow new Error("no")', 'throws.cjs:3: Error: no.'],
    ['inside.mjs', 'function make() {\n  JSON.parse("{")\n}\nexport default make()', 'inside.mjs:2: SyntaxError: '],
    ['string.mjs', 'throw "no"', 'it throws "no", which is no Error.'],
    ['syntax.ts', 'const a = 1\nexport default { a b }', 'syntax.ts:2: '],
    ['syntax.mjs', 'const a = 1\nexport default { a b }', 'syntax.mjs:2:'],
    ['missing.mjs', 'import "./nope.js"\nexport default {}', 'Cannot find module'],
    ['missing.ts', 'import "./nope.js"\nexport default {}', 'missing.ts:1: Error: Cannot find module'],
    ['syntax.yaml', 'name: x\nlinks: [a\nb: c\n', 'syntax.yaml:3:1: missed comma between flow collection entries.'],
    ['syntax.json', '{"a": 1,\n "b": }', 'syntax.json:2:7: "}" is no valid JSON here.'],
    ['comma.json', '{"a": 1,}', 'comma.json:1:9: "}" is no valid JSON here.'],
    ['quote.json', '{"a": \'x\'}', `quote.json:1:7: "'" is no valid JSON here.`],
    ['key.json', '{a: 1}', 'key.json:1:2: "a" is no valid JSON here.'],
    ['colon.json', '{"a" 1}', 'colon.json:1:6: "1" is no valid JSON here.'],
    ['after.json', '{}\n{}', 'after.json:2:1: "{" is no valid JSON here.'],
    ['nested.json', '{"a": [1, {"b": 2]}', 'nested.json:1:18: "]" is no valid JSON here.'],
    [
      'twice.json',
      '{"a": {\n"b": 1,\n"c": [{"b": 2}], "\\u0062": "b"}}',
      'twice.json:3:18: the key "b" is there already, in line 2.',
    ],
    [
      'twice/package.json',
      '{"a": 1, "a": 2,\n"ipcsup": {"links": {},\n"links": {}}}',
      'package.json:3:1: the key "links" is there already, in line 2.',
    ],
    ['end.json', '{"a": 1,\n "b": [1, 2', 'end.json:2:12: the JSON ends too early.'],
    ['text.json', '{"a": "x', 'text.json:1:7: '],
    ['broken/package.json', '{ "ipcsup": ', 'package.json:1:13: the JSON ends too early.'],
    ['empty.json', ' \n', 'it is empty.'],
    ['empty.yaml', '# nothing\n', 'it is empty.'],
    ['empty.ts', '', 'it has no default export.'],
    ['named.mjs', 'export const config = {}', 'it has no default export. Write export default defineConfig({ … }).'],
    ['function.mjs', 'export default async () => ({})', 'its default export is a function. Call it'],
    ['function.ts', 'export default () => ({})', 'its default export is a function. Call it'],
    ['promise.mjs', 'export default Promise.resolve({})', 'its default export is a promise. Wait for it'],
    ['two.yaml', 'name: x\n---\nname: y\n', 'it has several YAML documents. Keep one'],
    ['own.mjs', 'import "ipcsup"\nexport default {}', 'it imports "ipcsup", which is not installed beside it.'],
    ['mine.conf', 'name: x', 'a config ends in .ts, .js, .mjs, .cjs, .json, .yaml or .yml'],
    ['pack/package.json', '{ "name": "app" }', 'it has no key "ipcsup".'],
    ['long.json', `{ "name": "${'x'.repeat(2 ** 20)}" }`, 'at most 1 MiB (1048576) is read.'],
    ['long.yaml', `{ name: ${'x'.repeat(2 ** 20)} }`, 'at most 1 MiB (1048576) is read.'],
  ])('%s', async (name, text, why) => {
    const path = write(name, text)
    const { code, message } = await failureOf(name)
    expect(code).toBe('IPCSUP_ERR_CONFIG_LOAD')
    expect(message).toMatch(/^The config (.+ )?cannot be loaded: /)
    expect(message).toContain(path)
    expect(message).toContain(why)
  })

  it('names the file once where it names a place in it', async () => {
    const path = write('comma.json', '{"a": 1,}')
    expect((await failureOf('comma.json')).message).toBe(
      `The config cannot be loaded: ${path}:1:9: "}" is no valid JSON here.`,
    )
  })

  it('a FIFO: nothing waits for a writer', async () => {
    execFileSync('mkfifo', [join(directory, 'config.json')])
    expect((await failureOf('config.json')).message).toContain('it is no regular file. Write the config to a file.')
  })

  it.each([
    ['there is no such file.', 'nowhere.json'],
    ['its symbolic links go in a circle.', 'ipcsup.config.json'],
  ])('a symbolic link that leads nowhere: %s', async (why, target) => {
    symlinkSync(target, join(directory, 'ipcsup.config.json'))
    const message = `The config ${join(directory, 'ipcsup.config.json')} cannot be loaded: ${why}`
    expect((await failureOf()).message).toBe(message)
    expect(() => findConfig(directory)).toThrow(message)
  })

  it('a file that is not there, and a directory', async () => {
    expect((await failureOf('nope.json')).message).toBe(
      `The config ${join(directory, 'nope.json')} cannot be loaded: there is no such file.`,
    )
    expect((await failureOf('.')).message).toContain('it is a directory. Name the file.')
  })

  it('a text past 1 MiB that another imports', async () => {
    write('big.json', `{ "name": "${'x'.repeat(2 ** 20)}" }`)
    write('ipcsup.config.json', `{ "$import": "big.json" }`)
    expect((await failureOf()).message).toContain('big.json')
  })

  it('what is wrong in it has the name of the file', async () => {
    const path = write('ipcsup.config.json', `{ "nam": 1 }`)
    const { code, message } = await failureOf()
    expect(code).toBe('IPCSUP_ERR_CONFIG')
    expect(message).toMatch(`The config ${path} has a problem:`)
  })
})

it('a plain JSON config loads neither cosmiconfig nor jiti nor a YAML parser', () => {
  const source = fileURLToPath(new URL('../../src/config/load.ts', import.meta.url))
  const out = join(directory, 'out')
  buildSync({
    entryPoints: [source],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outdir: out,
  })
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(directory, 'node_modules'))
  write('ipcsup.config.json', `{ "name": "found" }`)
  write('yaml/ipcsup.config.yaml', `name: found`)
  const loaded = (where: string) =>
    execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { createRequire } from 'node:module'
         import { loadConfig } from ${JSON.stringify(join(out, 'load.js'))}
         await loadConfig({ kinds: { pipe: { name: 'pipe', options: {}, sides: {}, traits: () => ({}) } }, directory: ${JSON.stringify(where)} })
         console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'))`,
      ],
      { cwd: directory, encoding: 'utf8' },
    )
  // cosmiconfig and js-yaml are CommonJS, so the cache of require shows them; zod's is a module.
  expect(loaded(join(directory, 'yaml'))).toMatch(/cosmiconfig[\s\S]*js-yaml/)
  expect(loaded(directory)).not.toMatch(/cosmiconfig|js-yaml|jiti/)
})
