/** A kernel without IPv6, which cannot be had here otherwise: only the making of its sockets is replaced. */
import { expect, test, vi } from 'vitest'
import { IpcsupError } from '../../../src/errors.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

vi.mock('../../../src/platform/index.js', async load => {
  const platform = await load<typeof import('../../../src/platform/index.js')>()
  return {
    ...platform,
    createInternetSocket: (version: 4 | 6, type: 'stream') => {
      if (version === 4) return platform.createInternetSocket(version, type)
      throw new IpcsupError('IPCSUP_ERR_SYSTEM', { what: 'Creating a socket', call: 'socket', errno: 'EAFNOSUPPORT' })
    },
  }
})

test('where the kernel has no IPv6, ":0" is every address of IPv4, and an address of IPv6 is an error', () => {
  const object = createLink({ kind: 'tcp', listen: ':0' }, makeDirectory())
  expect(object.hint().host).toBe('0.0.0.0')
  object.destroy()
  for (const link of [{ listen: '[::1]:0' }, { listen: ':0', ipv6Only: true }]) {
    expect(refusalOf(() => createLink({ kind: 'tcp', ...link }, makeDirectory()))).toMatch(/this system has no IPv6/)
  }
})
