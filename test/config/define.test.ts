import { describe, expect, expectTypeOf, it } from 'vitest'
import { type Config, defineConfig, type LinkConfig } from '../../src/config/define.js'
import type { kinds } from '../../src/ipc/kinds/index.js'
import { plan } from './support.js'

describe('defineConfig', () => {
  it('gives back what it was given, which is a valid config', () => {
    const config = defineConfig({
      links: {
        lines: { kind: 'pipe', capacity: '1MiB', lifetime: 'hold' },
        events: { kind: 'fifo', path: 'events', mode: 0o660 },
        talk: { kind: 'socketpair', type: 'seqpacket' },
      },
      processes: {
        a: { command: 'a', stdout: 'lines', links: { talk: 'a' }, restart: { policy: 'always', initial: '1s' } },
        b: { command: ['b'], stdin: 'lines', links: { talk: { side: 'b', fd: 5 } }, needs: { a: 'started' } },
      },
      pipelines: { top: 'sort', more: { line: 'cat', restart: 'never' } },
      logs: { maxSize: '1MiB' },
      drainTimeout: 500,
    })
    expect(Object.keys(plan(config).plan.processes)).toEqual(['a', 'b', 'top.1-sort', 'more.1-cat'])
  })

  it('makes a wrong kind, option or value a compile error', () => {
    expectTypeOf<{ kind: 'pipe' }>().toExtend<LinkConfig>()
    expectTypeOf<LinkConfig['kind']>().toEqualTypeOf<keyof typeof kinds>()
    const wrong = () => [
      // @ts-expect-error: no such kind
      defineConfig({ links: { x: { kind: 'pip' } } }),
      // @ts-expect-error: an option of another kind
      defineConfig({ links: { x: { kind: 'pipe', path: 'x' } } }),
      // @ts-expect-error: no size
      defineConfig({ links: { x: { kind: 'pipe', capacity: '1KB' } } }),
      // @ts-expect-error: not one of the choices
      defineConfig({ links: { x: { kind: 'socketpair', type: 'tcp' } } }),
      // @ts-expect-error: not one of the choices
      defineConfig({ links: { x: { kind: 'unix', type: 'raw' } } }),
      // @ts-expect-error: no address
      defineConfig({ links: { x: { kind: 'tcp', listen: 80 } } }),
      // @ts-expect-error: an option that must be given
      defineConfig({ links: { x: { kind: 'raw' } } }),
      // @ts-expect-error: not one of the choices
      defineConfig({ links: { x: { kind: 'event', mode: 'nope' } } }),
      // @ts-expect-error: not one of the choices
      defineConfig({ links: { x: { kind: 'semaphore', system: 'nope' } } }),
      // @ts-expect-error: not one of the choices
      defineConfig({ links: { x: { kind: 'node', serialization: 'nope' } } }),
      // @ts-expect-error: no signal
      defineConfig({ links: { x: { kind: 'signal', signal: 'SIGNOPE' } } }),
      // @ts-expect-error: no key of a process
      defineConfig({ processes: { a: { command: 'a', stdinn: 'null' } } }),
      // @ts-expect-error: no command
      defineConfig({ processes: { a: {} } }),
      // @ts-expect-error: no time
      defineConfig({ drainTimeout: '10sec' }),
      // @ts-expect-error: no policy
      defineConfig({ processes: { a: { command: 'a', restart: 'alwys' } } }),
    ]
    expect(wrong).toBeTypeOf('function')
  })

  it('takes a config that was written elsewhere', () => {
    const given: Config = { links: { x: { kind: 'pipe' } } }
    expectTypeOf(defineConfig(given)).toExtend<Config>()
    expectTypeOf(defineConfig({ links: { x: { kind: 'pipe' } } })).toExtend<Config>()
  })
})
