/**
 * A config as it is written: what `defineConfig` takes. The doc comments here are what an editor shows; the schema in
 * `schema.ts` says the same for JSON and YAML, and a type test binds the two.
 */

import type { kinds } from '../ipc/kinds/index.js'
import type { OptionField } from '../ipc/options.js'
import type { Size, Time } from './units.js'

export interface Config<Kinds extends KindTable = typeof kinds> {
  /** For editors; means nothing to ipcsup. */
  $schema?: string | undefined
  /** Name of the project. Default: the name of the directory. */
  name?: string | undefined
  /** The kernel objects between the processes, by name. All are created before any process starts. */
  links?: Record<string, LinkConfig<Kinds>> | undefined
  /** The programs, by name. */
  processes?: Record<string, ProcessConfig> | undefined
  /** Lines such as `sort < in | uniq -c > out`, by name: each becomes processes and pipes. */
  pipelines?: Record<string, string | PipelineConfig> | undefined
  /** How long a process whose input has ended may go on when the graph stops. Default 10 s. */
  drainTimeout?: Time | undefined
  /** How long after SIGTERM comes SIGKILL, for processes that say nothing else. Default 5 s. */
  stopTimeout?: Time | undefined
  logs?: LogsConfig | undefined
  /** Input lost by a restart makes the whole exit status 1. Default false. */
  strict?: boolean | undefined
}

export interface LogsConfig {
  /** Where log files are written. Default: the state directory of the user. */
  directory?: string | undefined
  /** A file is rotated when it would grow past this. Default 10 MiB. */
  maxSize?: Size | undefined
  /** Files kept for each stream, the current one included. Default 5. */
  files?: number | undefined
}

/** What every link has besides the options of its kind; one of the same name is the kind's. */
export interface LinkBase {
  /**
   * `auto`: a side closes when every process at it is finished. `hold`: both sides stay open until the stop.
   * `reset`: a crash makes the link anew and restarts its neighbours.
   * Default `auto`, of kind `node` `reset`.
   */
  lifetime?: 'auto' | 'hold' | 'reset' | undefined
  /** Each write of every writer is whole lines of at most 4096 bytes: several writers do no harm. */
  writers?: 'lines' | undefined
  /** Several processes read, and each byte goes to one of them. */
  readers?: 'shared' | undefined
}

/** The kinds that a config may name, with their options. */
export type KindTable = Readonly<Record<string, { readonly options: Readonly<Record<string, OptionField>> }>>

/** A link: its kind and the options of that kind. */
export type LinkConfig<Kinds extends KindTable = typeof kinds> = {
  [Name in keyof Kinds & string]: Omit<LinkBase, keyof Kinds[Name]['options']> & { kind: Name } & OptionsOf<
      Kinds[Name]['options']
    >
}[keyof Kinds & string]

type OptionsOf<Fields extends Readonly<Record<string, OptionField>>> = {
  [Name in keyof Fields as Fields[Name]['required'] extends true ? Name : never]: ValueOf<Fields[Name]>
} & {
  [Name in keyof Fields as Fields[Name]['required'] extends true ? never : Name]?: ValueOf<Fields[Name]> | undefined
}

type ValueOf<Field extends OptionField> = Field extends { type: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : Field['type'] extends keyof OptionValues
    ? OptionValues[Field['type']]
    : never

interface OptionValues {
  size: Size
  mode: Mode
  path: string
  string: string
  boolean: boolean
  user: string | number
  group: string | number
  protocol: string | number
  integer: number
  integers: readonly number[]
}

/** Permission bits: a number such as `0o660`, or octal digits in a string such as `'660'`. */
export type Mode = number | string

/** A command: split as a shell splits words (no shell runs it), or the argument vector. */
export type CommandConfig = string | readonly string[]

/** A side of a link that has more than one possible side. */
export interface EndConfig {
  link: string
  side: string
}

/** A file, relative to the config. Emptied at the first start of a run, or with `append` never. */
export interface OutputFileConfig {
  file: string
  append?: boolean | undefined
}

/** `'null'`, `'inherit'`, the name of a link, one side of a link, or a file. */
export type StdinConfig = string | EndConfig | { file: string }
/** As stdin, and `'log'` or `'stderr'`. */
export type StdoutConfig = string | EndConfig | OutputFileConfig
/** As stdin, and `'log'` or `'stdout'`. */
export type StderrConfig = string | EndConfig | OutputFileConfig

export interface HandleConfig {
  side: string
  /** Descriptor number in the process. Default: the next from 3. */
  fd?: number | undefined
  /** Suffix of the variables that tell the process: `IPCSUP_FD_<env>`. Default: the link's name in upper case. */
  env?: string | undefined
}

export type RestartPolicy = 'always' | 'on-failure' | 'never'

export interface RestartConfig {
  policy?: RestartPolicy | undefined
  /** Longest delay before the second restart of a row; the first comes at once. Default 100 ms. */
  initial?: Time | undefined
  /** Each further delay is so many times the one before. Default 2. */
  factor?: number | undefined
  /** No delay is longer. Default 30 s. */
  max?: Time | undefined
  /** Delays are drawn between 0 and their bound. Default true. */
  jitter?: boolean | undefined
  /** After so long a life the delays start anew. Default 10 s. */
  stableAfter?: Time | undefined
  /** Gives up when there would be more restarts than this … Default 8. */
  limit?: number | undefined
  /** … within this time. Default 1 min. */
  within?: Time | undefined
}

export interface ProcessConfig {
  command: CommandConfig
  /** Gives the command, a string, to `/bin/sh -c`. Default false. */
  shell?: boolean | undefined
  /** Relative to the config. Default: the directory of the config. */
  cwd?: string | undefined
  /** Added to the environment; null removes a variable. */
  env?: Record<string, string | number | null | undefined> | undefined
  /** A file of KEY=VALUE lines, read before `env`. */
  envFile?: string | undefined
  umask?: Mode | undefined
  /** Default `'null'`. */
  stdin?: StdinConfig | undefined
  /** Default `'log'`. */
  stdout?: StdoutConfig | undefined
  /** Default `'log'`. */
  stderr?: StderrConfig | undefined
  /** Links at descriptors from 3 upwards: link → side. */
  links?: Record<string, string | HandleConfig> | undefined
  /** Processes or pipelines that must have been started, be ready, or have completed, before this one starts. */
  needs?: readonly string[] | Record<string, 'started' | 'ready' | 'completed'> | undefined
  /** How it tells that it is ready; `notify`: it sends `READY=1` to `$NOTIFY_SOCKET`, as for systemd. Default: it does not. */
  ready?: 'notify' | undefined
  /** Default `'on-failure'`. */
  restart?: RestartPolicy | RestartConfig | undefined
  /** So many of the same, called `name.0`, `name.1`, … */
  replicas?: number | undefined
  /** Exit codes that count as success besides 0. */
  cleanExits?: readonly number[] | undefined
  /** Default SIGTERM. */
  stopSignal?: string | undefined
  stopTimeout?: Time | undefined
  /** Commands that are run at these events; they find what happened in their environment. */
  onStart?: CommandConfig | undefined
  onExit?: CommandConfig | undefined
  onGiveUp?: CommandConfig | undefined
}

export interface PipelineConfig {
  line: string
  /** Of the first stage. Default `'null'`. */
  stdin?: StdinConfig | undefined
  /** Of the last stage. Default `'log'`. */
  stdout?: StdoutConfig | undefined
  /** Of every stage. Default `'log'`. */
  stderr?: StderrConfig | undefined
  /** Files of the line are relative to this, as in a shell. Default: the directory of the config. */
  cwd?: string | undefined
  env?: ProcessConfig['env']
  needs?: ProcessConfig['needs']
  /** Of every stage. Default `'never'`. */
  restart?: ProcessConfig['restart']
}

/**
 * Gives back the config as it is: editors check and complete it, and the type of the answer knows each link, for
 * `link<typeof config>()` of `ipcsup/child`.
 */
export function defineConfig<const Links extends NonNullable<Config['links']> = Record<never, never>>(
  config: Omit<Config, 'links'> & { links?: Exact<Links> | undefined },
): Omit<Config, 'links'> & { links: Links } {
  return config as Omit<Config, 'links'> & { links: Links }
}

/** The type of a parameter is not searched for surplus keys once it is generic; so they are forbidden one by one. */
type Exact<Links> = { [Name in keyof Links]: Links[Name] & Forbidden<Links[Name]> }

type Forbidden<Link> = Link extends { readonly kind: infer Kind }
  ? { [Key in Exclude<keyof Link, KeysOf<Kind>>]: never }
  : unknown

type KeysOf<Kind> = keyof Extract<LinkConfig, { kind: Kind }> | (LinkConfig extends { kind: Kind } ? string : never)
