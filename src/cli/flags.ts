import { parseArgs } from 'node:util'
import { didYouMean } from './nearest.js'
import { UsageError } from './usage-error.js'

/** The rules of one flag. Tables of these drive the parser and `--help`. */
export interface Flag<T> {
  readonly short?: string
  /** The placeholder of the value in help. A flag without one takes no value. */
  readonly value?: string
  readonly meaning: string
  /** The values that it takes, if there are only a few: for completion. */
  readonly choices?: readonly string[]
  /** The default, in words, for help. */
  readonly default?: string
  /** The valid values, in words. */
  readonly expects: string
  /** Null if `text` is not valid. */
  readonly read: (text: string) => T | null
  /** For a flag that may be given more than once; otherwise the last one counts. */
  merge?(earlier: T, later: T): T
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>

/** The given flags by long name; a missing flag is undefined. */
export type FlagValues<F extends FlagTable> = {
  readonly [Name in keyof F]?: F[Name] extends Flag<infer T> ? T : never
}

/** The description of a flag. */
export type FlagWords = Pick<Flag<unknown>, 'short' | 'meaning' | 'default'>

/** A flag without a value. */
export function toggle(words: FlagWords): Flag<true> {
  return { ...words, expects: 'no value', read: () => true }
}

/** The flag of every command. */
export const HELP_FLAG: { readonly help: Flag<true> } = {
  help: toggle({ short: 'h', meaning: 'print this' }),
}

/** A flag with any text. An empty text is refused: it is mostly an unset variable. */
export function textFlag(value: string, words: FlagWords): Flag<string> {
  return {
    ...words,
    value,
    expects: 'a value that is not empty',
    read: (text) => (text === '' ? null : text),
  }
}

/** Like `textFlag`, and may be given more than once. */
export function listFlag(value: string, words: FlagWords): Flag<readonly string[]> {
  return {
    ...words,
    value,
    expects: 'a value that is not empty',
    read: (text) => (text === '' ? null : [text]),
    merge: (earlier, later) => [...earlier, ...later],
  }
}

/** A flag with one of a few words. */
export function choiceFlag<Choice extends string>(
  value: string,
  choices: readonly Choice[],
  words: FlagWords,
): Flag<Choice> {
  return {
    ...words,
    value,
    choices,
    expects: `one of ${choices.join(', ')}`,
    read: (text) => choices.find((choice) => choice === text) ?? null,
  }
}

/** A flag with a whole number. */
export function countFlag(words: FlagWords, min: number, max: number): Flag<number> {
  return {
    ...words,
    value: 'N',
    expects: `a whole number from ${min} to ${max}`,
    read: (text) => {
      const number = /^\d{1,7}$/.test(text) ? Number(text) : NaN
      return number >= min && number <= max ? number : null
    },
  }
}

export interface Parsed<F extends FlagTable> {
  readonly flags: FlagValues<F>
  /** The arguments that are neither flags nor values of flags. */
  readonly args: readonly string[]
}

/**
 * Flags may stand before and after arguments. If a flag is given twice, the last one wins, unless the flag merges them.
 *
 * @throws {UsageError} an unknown flag, a missing or a wrong value
 */
export function parseFlags<F extends FlagTable>(table: F, argv: readonly string[]): Parsed<F> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { short, value }]) => [
      name,
      {
        type: value === undefined ? 'boolean' : 'string',
        ...(short === undefined ? {} : { short }),
      } as const,
    ]),
  )
  // Not strict: the messages of parseArgs would send users to `--` for arguments, but here a command follows `--`.
  const { tokens } = parseArgs({ args: argv.map(shield), options, strict: false, tokens: true })
  const flags: Record<string, unknown> = {}
  const args: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(unshield(token.value))
    else if (token.kind === 'option') store(flags, table, token)
  }
  return { flags: flags as FlagValues<F>, args }
}

/** A negative raw key looks like a cluster of short flags. It is hidden behind a NUL, which no argument can contain. */
function shield(text: string): string {
  return /^-\d[\d,-]*$/.test(text) ? `\0${text}` : text
}

function unshield(text: string): string {
  return text.startsWith('\0') ? text.slice(1) : text
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function store(flags: Record<string, unknown>, table: FlagTable, token: OptionToken): void {
  const value = readValue(table, token)
  const earlier = flags[token.name]
  const flag = table[token.name]!
  flags[token.name] = earlier === undefined || flag.merge === undefined ? value : flag.merge(earlier, value)
}

function readValue(table: FlagTable, { name, rawName, value, inlineValue }: OptionToken): unknown {
  if (!Object.hasOwn(table, name)) {
    const names = Object.keys(table).map((each) => `--${each}`)
    throw new UsageError(`unknown flag ${rawName}${didYouMean(rawName, names)}`)
  }
  const flag = table[name]!
  if (flag.value === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`)
    return flag.read('')
  }
  if (value === undefined || (inlineValue !== true && /^-./.test(value))) {
    throw new UsageError(`${rawName} needs a value: ${flag.expects}`)
  }
  const given = unshield(value)
  const read = flag.read(given)
  if (read === null) throw new UsageError(`${rawName} must be ${flag.expects}, not ${JSON.stringify(given)}`)
  return read
}
