/**
 * The places of a call where somebody may die, by name. A test stops there and kills, for each; nothing else uses it.
 */

export const steps = [
  // The caller.
  'before the call is written',
  'call written, not answered',
  'reply arrived, not read',
  'reply read, not acknowledged',
  // The instance.
  'call arrived, not read',
  'call read, receipt not told',
  'receipt told, before the handler',
  'before the begin is recorded',
  'begin recorded, before the handler',
  'after the handler, before the record',
  'record written, not durable',
  'recorded, before the reply',
  'reply written',
  // Its store, when it is written anew.
  'compaction: copy written, not renamed',
  'compaction: renamed',
] as const

export type Step = (typeof steps)[number]

let hook: ((step: Step) => void) | null = null

/** null: none. */
export function onStep(listener: ((step: Step) => void) | null): void {
  hook = listener
}

export function reach(step: Step): void {
  if (hook !== null) hook(step)
}
