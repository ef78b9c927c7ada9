/** A ring in a file does between programs what every ring does. Its file outlives the link: what that means see ring.test.ts. */
import { describe } from 'vitest'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { ring } from '../forms/ring.js'
import { makeSubject } from '../subject.js'

describe('a ring in a file', () => ring(makeSubject(kinds.ring, 'share', { memory: 'file', path: 'data.ring' })))
