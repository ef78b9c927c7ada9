/**
 * argv → verb, its arguments and options; errors → text and exit status.
 */
import { Command, CommanderError, Option, type OutputConfiguration } from 'commander'
import { IpcsupError } from '../errors.js'
import { readVersion } from '../version.js'
import { describeStatuses, describeWrongUsage, makeOverview } from './help.js'
import type { Output } from './output.js'
import type { Call, Outcome, Verb } from './verb.js'
import { isVerb, type VerbName, verbNames, verbs } from './verbs.js'

/**
 * Runs one command line. Never throws: an error is printed, and is a status.
 *
 * @param argv - without the program
 */
export async function runCommandLine(argv: readonly string[], out: Output, err: Output): Promise<Outcome> {
  try {
    return await parseAndRun(argv, out, err)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (error instanceof IpcsupError) {
      err.write(`ipcsup: ${error.message}\n`)
      // Where it happened: nobody can correct it from the sentence alone.
      if (error.code === 'IPCSUP_ERR_INTERNAL') err.write(`${(error.cause as Error | null)?.stack ?? error.cause}\n`)
      return error.status
    }
    if ((error as NodeJS.ErrnoException | null)?.syscall === 'uv_cwd') {
      err.write('ipcsup: The current directory was removed. Change to another one.\n')
      return 4
    }
    err.write(`ipcsup: unexpected error, please report it: ${(error as Error)?.stack ?? error}\n`)
    return 4
  }
}

async function parseAndRun(argv: readonly string[], out: Output, err: Output): Promise<Outcome> {
  const asked = argv[0] === 'help' ? askHelp(argv[1]) : argv
  const name = isVerb(asked[0]) ? asked[0] : null
  let outcome: Outcome = 0
  const verb = name && (await verbs[name].load())
  const program = makeProgram(out, name, verb?.surplus)
  if (name && verb) {
    addVerb(program, name, verb, async call => {
      outcome = await verb.run({ verb: name, ...call, out, err })
    })
  }
  if (asked.length === 0) {
    err.write(program.helpInformation() + makeOverview())
    return 2
  }
  await program.parseAsync(asked, { from: 'user' })
  return outcome
}

/** `help` and `help VERB` as options; a wrong verb goes on, to be said wrong. */
function askHelp(name: string | undefined): readonly string[] {
  if (name === undefined) return ['--help']
  return isVerb(name) ? [name, '--help'] : [name]
}

/** Only the verb that was asked for is imported: the others are names for the help. */
function makeProgram(out: Output, asked: VerbName | null, surplus?: string): Command {
  const program = new Command('ipcsup')
    .description('Declares processes and the links between them; restarts what fails while the links stay alive.')
    .usage('<verb> [options]')
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help')
    .commandsGroup('Verbs:')
    .exitOverride()
    .configureOutput(makeOutputConfiguration(out, asked, surplus))
    .addHelpText('after', makeOverview)
  program.option('-V, --version', 'print the version')
  program.on('option:version', () => {
    out.write(`${readVersion()}\n`)
    throw new CommanderError(0, 'commander.version', '')
  })
  if (asked === null) for (const name of verbNames) program.command(name).description(verbs[name].about)
  return program
}

function makeOutputConfiguration(out: Output, asked: VerbName | null, surplus?: string): OutputConfiguration {
  return {
    writeOut: text => out.write(text),
    writeErr: text => out.write(text),
    getOutHelpWidth: () => 100,
    getErrHelpWidth: () => 100,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    outputError(text) {
      throw new IpcsupError('IPCSUP_ERR_USAGE', { what: describeWrongUsage(text, surplus), verb: asked ?? '' })
    },
  }
}

function addVerb(
  program: Command,
  name: VerbName,
  verb: Verb,
  run: (call: Pick<Call, 'arguments' | 'options'>) => Promise<void>,
): void {
  const command = program.command(name).description(verbs[name].about).helpOption('-h, --help', 'show this help')
  for (const [syntax, about] of verb.arguments ?? []) command.argument(syntax, about)
  for (const { flags, about, choices, hidden } of verb.options ?? []) {
    const option = new Option(flags, about).hideHelp(hidden ?? false)
    command.addOption(choices ? option.choices(choices) : option)
  }
  const examples = verb.examples.map(([line, about]) => `  ${line}\n      ${about}\n`).join('')
  command.allowExcessArguments(verb.surplus !== undefined)
  command.addHelpText('after', `\nExamples:\n${examples}${describeStatuses(verb.failure)}`)
  command.action((...given: unknown[]) => {
    if (verb.surplus !== undefined && command.args.length > command.registeredArguments.length)
      throw new IpcsupError('IPCSUP_ERR_USAGE', { what: verb.surplus, verb: name })
    const positional = given
      .slice(0, -2)
      .flat()
      .filter(value => value !== undefined) as string[]
    return run({ arguments: positional, options: given.at(-2) as Call['options'] })
  })
}
