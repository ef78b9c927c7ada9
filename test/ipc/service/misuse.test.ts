/** What a program is told that serves as nobody can, or uses a store that is none. */
import { mkdtempSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Api, method } from '../../../src/ipc/service/api.js'
import { openCallingEnd, openService, type ServingEnd } from '../../../src/ipc/service/end.js'
import { TestMeeting } from './meeting.js'

let meeting: TestMeeting
const closing: (() => unknown)[] = []

beforeEach(async () => {
  const directory = mkdtempSync('/tmp/ipcsup-misuse-')
  meeting = await TestMeeting.open(directory)
  closing.push(
    () => rmSync(directory, { recursive: true, force: true }),
    () => meeting.close(),
  )
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function openEnd(): ServingEnd {
  const hint = { path: meeting.path }
  const end = openService({ link: 'calc', descriptor: meeting.take('one'), side: 'serve', hint }) as ServingEnd
  closing.push(() => end.close())
  return end
}

test('what is no function is not served, by its name', async () => {
  await expect(openEnd().serve({ add: 7 } as unknown as Api)).rejects.toMatchObject({
    code: 'IPCSUP_ERR_REGISTRATION',
    message: expect.stringMatching(
      /^Nobody can serve "add" so: it is neither a function nor made by method\(\)\. Give/,
    ),
  })
})

test('an end serves once', async () => {
  const end = openEnd()
  process.env['IPCSUP_PROCESS'] = 'one'
  closing.push(() => delete process.env['IPCSUP_PROCESS'])
  await end.serve({ add: () => 1 })
  await expect(end.serve({ sub: () => 2 })).rejects.toMatchObject({
    code: 'IPCSUP_ERR_LINK_USE',
    message: expect.stringMatching(/^Link "calc" cannot be served again: this program serves it already\. Serve all/),
  })
})

test('a store that no method has asked for is none, as its caller is told', async () => {
  process.env['IPCSUP_PROCESS'] = 'one'
  closing.push(() => delete process.env['IPCSUP_PROCESS'])
  await openEnd().serve({ order: method({}, ({ store }) => store.set('a', 1)) })
  const caller = openCallingEnd(meeting.path)
  closing.push(() => caller.close())
  await expect(caller.call('order', [])).rejects.toMatchObject({
    code: 'IPCSUP_ERR_CALL_STORE',
    message: expect.stringMatching(/^`context\.store` of "calc\.order" cannot be used: .* Say so: method\(/),
  })
})
