import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.js'
import { kinds } from '../src/ipc/kinds/index.js'
import {
  findForeignImports,
  findLongFiles,
  findNamedKinds,
  findStandardStreams,
  findSystemQuestions,
  findUnboundCodes,
  findUnusedPackages,
  findWrongDirections,
  ownedPackages,
  type Sources,
} from './support/architecture.js'

const root = fileURLToPath(new URL('../', import.meta.url))
const sources = read('src')
// This file has the bad samples.
const { 'test/architecture.test.ts': _samples, ...tests } = read('test')

describe('this project', () => {
  test('imports only downwards through its layers', () => expect(findWrongDirections(sources)).toEqual([]))
  test('imports each outside package in one place', () => expect(findForeignImports(sources)).toEqual([]))
  test('uses each outside package that it brings', () => expect(findUnusedPackages(sources)).toEqual([]))
  test('asks which system it is on only in src/platform', () => expect(findSystemQuestions(sources)).toEqual([]))
  test('never touches the getters of the standard streams', () => expect(findStandardStreams(sources)).toEqual([]))
  test('decides by the name of a kind nowhere, in no test either', () =>
    expect(findNamedKinds({ ...sources, ...tests }, Object.keys(kinds))).toEqual([]))
  test('has no source file of more than 250 lines', () => expect(findLongFiles(sources)).toEqual([]))
  test('explains and throws every error code', () =>
    expect(findUnboundCodes(errorCodes, sources, readFileSync(join(root, 'docs/errors.md'), 'utf8'))).toEqual([]))
  test('lists every kind that has a file', () => expect(checkKinds(root).stderr).toBe(''))
})

describe('the rules see', () => {
  const samples: Record<string, { complaints: string[]; about: string }> = {
    'an import upwards': {
      complaints: findWrongDirections({
        'src/ipc/handoff.ts': "import { createServer } from '../control/server.js'\n",
      }),
      about: 'src/control/server.ts',
    },
    'an import upwards that is re-exported, over several lines': {
      complaints: findWrongDirections({ 'src/errors.ts': "export {\n  take,\n} from './ipc/take.js'\n" }),
      about: 'src/ipc/take.ts',
    },
    'a lazy import upwards': {
      complaints: findWrongDirections({ 'src/config/load.ts': "const { run } = await import('../cli/run.js')\n" }),
      about: 'src/cli/run.ts',
    },
    'config code, not only its types, in the supervisor': {
      complaints: findWrongDirections({ 'src/supervisor/x.ts': "import { expand } from '../config/plan.js'\n" }),
      about: 'src/config/plan.ts',
    },
    'a folder that is in no layer': {
      complaints: findWrongDirections({ 'src/util/x.ts': "import '../errors.js'\n" }),
      about: 'no known layer',
    },
    'a package outside its owner': {
      complaints: findForeignImports({ 'src/cli/main.ts': "import koffi from 'koffi'\n" }),
      about: 'koffi',
    },
    'a package without an owner': {
      complaints: findForeignImports({ 'src/cli/main.ts': "import { map } from '@scope/left/pad'\n" }),
      about: '@scope/left',
    },
    'a question about the system': {
      complaints: findSystemQuestions({ 'src/ipc/x.ts': "if (process.platform === 'linux') go()\n" }),
      about: 'src/ipc/x.ts:1',
    },
    'a standard stream': {
      complaints: findStandardStreams({ 'src/cli/x.ts': "// fine\nprocess.stdout.write('x')\n" }),
      about: 'src/cli/x.ts:2',
    },
    'a comparison with the name of a kind': {
      complaints: findNamedKinds({ 'test/ipc/x.ts': "if (link.kind === 'fifo') return\n" }, ['fifo']),
      about: 'test/ipc/x.ts:1',
    },
    'a comparison with the name of a kind, the other way round': {
      complaints: findNamedKinds({ 'src/cli/x.ts': "return 'fifo' === link.kind\n" }, ['fifo']),
      about: 'src/cli/x.ts:1',
    },
    'a switch over kinds': {
      complaints: findNamedKinds({ 'src/cli/x.ts': 'switch (link.kind) {\n' }, ['fifo']),
      about: 'src/cli/x.ts:1',
    },
    'a long file': { complaints: findLongFiles({ 'src/x.ts': 'x\n'.repeat(251) }), about: '251 lines' },
    'a code that the manual lacks': {
      complaints: findUnboundCodes(['A'], { 'src/x.ts': "'A'" }, ''),
      about: 'no section',
    },
    'a code that is only in a comment': {
      complaints: findUnboundCodes(['A'], { 'src/x.ts': "// 'A'\n" }, '## A\n'),
      about: 'thrown nowhere',
    },
    'a code of the manual that does not exist': {
      complaints: findUnboundCodes([], {}, '## A\n'),
      about: 'does not exist',
    },
    'a manual out of order': {
      complaints: findUnboundCodes(['A', 'B'], { 'src/x.ts': "'A' 'B'" }, '## B\n\n## A\n'),
      about: 'A stands after B',
    },
  }
  for (const [title, { complaints, about }] of Object.entries(samples)) {
    test(title, () => expect(complaints).toEqual([expect.stringContaining(about)]))
  }
  test('a kind that is not listed', () => {
    const copy = mkdtempSync(join(tmpdir(), 'ipcsup-kinds-'))
    for (const path of ['scripts/generate-kinds.mjs', 'src/ipc/kinds']) {
      cpSync(join(root, path), join(copy, path), { recursive: true })
    }
    writeFileSync(join(copy, 'src/ipc/kinds/another.ts'), '')
    const { status, stderr } = checkKinds(copy)
    rmSync(copy, { recursive: true })
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('stale') })
  })
  test('an unused package', () => {
    expect(findUnusedPackages({ 'src/x.ts': "import 'koffi'\n" })).toEqual(
      ownedPackages.filter(name => name !== 'koffi'),
    )
  })
})

describe('the rules allow', () => {
  const samples: Record<string, string[]> = {
    'an import downwards': findWrongDirections({ 'src/cli/x.ts': "import { y } from '../control/y.js'\n" }),
    'types of the Plan': findWrongDirections({
      'src/supervisor/x.ts': "import type { Plan } from '../config/plan.js'\n",
    }),
    'an import in an example of a comment': findWrongDirections({
      'src/ipc/x.ts': "/**\n * import { y } from '../cli/y.js'\n */\nexport const x = 1\n",
    }),
    'a package at its owner': findForeignImports({
      'src/platform/x.ts': "import koffi from 'koffi'\nimport 'node:fs'\n",
    }),
    'a file of 250 lines': findLongFiles({ 'src/x.ts': 'x\n'.repeat(250) }),
    'a link of a certain kind': findNamedKinds({ 'src/config/x.ts': "return { kind: 'pipe' }\n" }, ['pipe']),
  }
  for (const [title, complaints] of Object.entries(samples)) test(title, () => expect(complaints).toEqual([]))
})

/** Asks the script that writes the list of kinds whether it would write the same now. */
function checkKinds(repository: string): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [join(repository, 'scripts/generate-kinds.mjs'), '--check'], { encoding: 'utf8' })
}

function read(folder: string): Sources {
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(path =>
    path.endsWith('.ts'),
  )
  return Object.fromEntries(
    paths.sort().map(path => [`${folder}/${path}`, readFileSync(join(root, folder, path), 'utf8')]),
  )
}
