/** What `ipcsup advise` asks, and what each answer asks of a link. */
import type { Form } from '../../ipc/kind.js'
import type { Candidate } from './candidates.js'

export interface Answer {
  /** For a person who is asked. */
  readonly about: string
  /** Links that will do; and if not, why, as the end of a sentence that begins with the kind's name. */
  readonly suits: (candidate: Candidate) => boolean
  readonly otherwise: string
}

export interface Question {
  readonly ask: string
  /** The option that answers it, and the word of each answer; the first is what most people want. */
  readonly answers: Readonly<Record<string, Answer>>
}

const anything = { suits: () => true, otherwise: '' }
const ofForms = (...forms: readonly Form[]) => ({
  suits: ({ form, isFramed }: Candidate) => !isFramed && forms.includes(form),
  otherwise: 'is for something else',
})

export const carriesMessages = ({ form, isFramed }: Candidate): boolean =>
  isFramed || ['messages', 'ring', 'datagrams', 'channel'].includes(form)

/** Longer than a pipe holds: what is copied twice for each message then is worth a thought. */
export const largeBytes = 1024 * 1024

export const questions = {
  purpose: {
    ask: 'What goes between the programs?',
    answers: {
      bytes: { about: 'bytes or lines, from one to the next', ...ofForms('stream') },
      messages: {
        about: 'messages that stay whole',
        suits: carriesMessages,
        otherwise: 'is for something else',
      },
      requests: { about: 'requests of clients, and answers of a server', ...ofForms('listener', 'calls') },
      data: { about: 'data that all of them look at and change', ...ofForms('memory') },
      turns: { about: 'whose turn it is: one at a time, or n at a time', ...ofForms('permits') },
      wake: { about: 'only that something happened', ...ofForms('counter', 'route') },
    },
  },
  machine: {
    ask: 'Where do they run?',
    answers: {
      same: { about: 'on this machine', ...anything },
      other: {
        about: 'on several machines',
        suits: ({ advice }) => advice.leavesMachine,
        otherwise: 'does not leave the machine',
      },
    },
  },
  programs: {
    ask: 'Who starts them?',
    answers: {
      supervised: { about: 'ipcsup starts them all', ...anything },
      strangers: {
        about: 'some are started by others',
        suits: ({ traits, parts }) => traits.named || parts.includes('host'),
        otherwise: 'has no name that a program could find it by',
      },
    },
  },
  size: {
    ask: 'How large is one piece?',
    answers: {
      small: { about: 'up to a few KiB', ...anything },
      large: {
        about: '1 MiB and more',
        suits: ({ advice }) => (advice.largestMessageBytes ?? Number.POSITIVE_INFINITY) >= largeBytes,
        otherwise: 'cannot carry a message of 1 MiB whole',
      },
    },
  },
  readers: {
    ask: 'How many take from it?',
    answers: {
      one: { about: 'one', ...anything },
      share: {
        about: 'several, and each piece is for one of them',
        suits: ({ traits, form, advice }) => (traits.manyReaders && !advice.copies) || form === 'listener',
        otherwise: 'can have only one reader, or gives each piece to all',
      },
      each: {
        about: 'several, and each of them gets all',
        suits: ({ traits, advice }) => traits.manyReaders && advice.copies,
        otherwise: 'gives each piece to only one reader',
      },
    },
  },
  survive: {
    ask: 'What must still be there afterwards?',
    answers: {
      nothing: { about: 'nothing in particular', ...anything },
      crash: {
        about: 'what was not taken when a program crashed',
        suits: ({ traits }) => traits.survivesRestart,
        otherwise: 'loses what was not taken',
      },
      stop: {
        about: 'what is in it when everything was stopped and started again',
        suits: ({ advice }) => advice.outlivesStop,
        otherwise: 'is gone with the supervisor',
      },
    },
  },
} as const satisfies Record<string, Question>

export type QuestionName = keyof typeof questions

/** The word of the answer to each question; one that is missing was not asked. Without a purpose nothing can be compared. */
export type Answers = Readonly<Partial<Record<QuestionName, string>> & { purpose: string }>
