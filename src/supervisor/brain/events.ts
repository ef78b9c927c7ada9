/** The words of the table of transitions: what happens to a process, and what is done about it. */

export type ProcessEvent =
  /** It shall run: a command, or the start of the graph. */
  | 'start'
  /** Its needs are met and its links exist. */
  | 'needsMet'
  /** A need can never be met. */
  | 'needLost'
  | 'spawned'
  /** It says that it is ready. */
  | 'ready'
  /** It ended (or could not be spawned) and shall run again; nothing of it is left. */
  | 'crashed'
  /** The same, but members of its group are still alive. */
  | 'crashedLeaving'
  /** It ended for good, well. */
  | 'succeeded'
  /** It ended (or could not be spawned) for good, badly. */
  | 'broke'
  /** An instance that was being stopped is gone, with all of its group. */
  | 'cleared'
  /** Its delay is over. */
  | 'due'
  /** Stop by hand. */
  | 'park'
  /** Stop by hand, for good. */
  | 'end'
  /** Stop and start by hand. */
  | 'restart'
  /** Its turn to go in the stop of the graph. */
  | 'turn'
  /** A process that shares a `reset` link with it crashed. */
  | 'reset'
  /** It did not stop in time. */
  | 'overtime'
  /** It wrote to nobody, and now a reader of it turned out to have failed. */
  | 'disowned'

/** What a stopping process is on its way to. */
export type Aim = 'park' | 'finish' | 'again' | 'delay' | 'reset'

export type Action =
  | 'spawn'
  /** Stop signal to the group, and the stop timeout. */
  | 'terminate'
  | 'kill'
  /** The delay before the next incarnation begins, or the reset that its links ask for. */
  | 'delay'
  /** Nothing is waited for any more: timers are cancelled. */
  | 'cancel'
  /** A new life by hand: the row of restarts begins anew, needs are looked at again. */
  | 'renew'
  /** What a former life left behind is ended. */
  | 'clear'
  /** All uses are over. */
  | 'finish'
