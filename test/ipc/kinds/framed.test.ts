/** With `frame` a link does between programs what it does without: only who sends and receives messages knows of it. */
import { describe } from 'vitest'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { flow } from '../forms/flow.js'
import { makeSubject } from '../subject.js'

describe.each([kinds.pipe, kinds.socketpair])('$name with frames', kind =>
  flow(makeSubject(kind, 'default', { frame: 'checked' })),
)
