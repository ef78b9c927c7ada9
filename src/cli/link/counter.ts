/** A number that one side raises and the other waits for. */
import { wrongUsage } from '../verb.js'
import { type Action, limitTime, withEnd } from './action.js'

interface Counter {
  signal(amount?: bigint): Promise<void>
  wait(): Promise<bigint | number>
  close(): void
}

export const signal: Action = {
  words: '[number]',
  options: ['side', 'timeout'],
  run: use =>
    withEnd<Counter>(
      use,
      (_side, name) => name === 'signal',
      async end => {
        const [text = '1'] = use.words
        if (!/^\d+$/.test(text))
          throw wrongUsage(use.call, `What it is raised by must be a whole number, got "${text}".`)
        const done = end.signal(BigInt(text)).then(() => true)
        return (await limitTime(use.call, done, () => end.close())) === null ? 1 : 0
      },
    ),
}

export const wait: Action = {
  words: '',
  options: ['side', 'timeout'],
  run: use =>
    withEnd<Counter>(
      use,
      (_side, name) => name === 'wait',
      async end => {
        const taken = await limitTime(use.call, end.wait(), () => end.close())
        if (taken === null) return 1
        use.call.out.write(`${taken}\n`)
        return 0
      },
    ),
}
