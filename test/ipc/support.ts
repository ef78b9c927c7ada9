/** Links without a host: made straight from their kind. */
import { mkdtempSync, realpathSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPlan } from '../../src/config/build-plan.js'
import type { Kind, LinkObject, NamedObject, Where } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'

/** A container may be without. */
export const hasIpv6 = Object.values(networkInterfaces()).some(rows => rows?.some(({ address }) => address === '::1'))

export function makeDirectory(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'ipcsup-link-')))
}

export function makeWhere(runDirectory: string, more: Partial<Where> = {}): Where {
  return {
    link: 'data',
    uses: [],
    uniqueName: `ipcsup.test.${process.pid}.data`,
    runDirectory,
    mayUsePipeMemory: () => true,
    record: (_: NamedObject) => {},
    wasOurs: () => false,
    findOwner: () => null,
    ...more,
  }
}

/** The object of a link as a config has it; paths are relative to `directory`, which is the run's as well. */
export function createLink(
  link: { readonly kind: keyof typeof kinds; readonly [option: string]: unknown },
  directory: string,
  more: Partial<Where> = {},
): LinkObject {
  const { plan } = buildPlan({ links: { data: link } }, { kinds, directory, configPath: null, isEmbedded: true })
  const kind: Kind = kinds[link.kind]
  const { options, uses } = plan.links['data']!
  return kind.create(options, makeWhere(directory, { uses, ...more }))
}

/** The message of the error that `act` must throw. */
export function refusalOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    return `${code}: ${message}`
  }
  throw new Error('nothing was thrown')
}
