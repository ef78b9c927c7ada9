/** A call that becomes a signal. */
import { type Action, withEnd } from './action.js'

export const call: Action = {
  words: '',
  options: ['side'],
  run: use =>
    withEnd<{ call(): void }>(
      use,
      side => side.descriptor,
      async end => {
        end.call()
        return 0
      },
    ),
}
