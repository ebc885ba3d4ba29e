import { expect, test } from 'vitest'
import { COMMANDS } from '../../../src/cli/command-table.js'
import { command as run } from '../../../src/cli/commands/run.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { commandHelp, overview } from '../../../src/cli/help.js'
import type { Channel } from '../../../src/cli/terminal.js'

const plain: Channel = { isTerminal: false, write: () => undefined, paint: (_, text) => text }

test('the overview names every command, and fits the screen', () => {
  const text = overview(plain)

  for (const { name, summary } of COMMANDS) expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'))
  expect(widest(text)).toBeLessThanOrEqual(100)
})

test('help of run names every flag, every exit code, every variable, and fits the screen', () => {
  const text = commandHelp('run', run, plain)

  for (const [name, flag] of Object.entries(run.flags)) {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `
    expect(text).toContain(`  ${short}--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`)
    expect(unwrapped(text)).toContain(flag.meaning)
    if (flag.default !== undefined) expect(unwrapped(text)).toContain(`(default: ${flag.default})`)
  }
  for (const code of Object.values(EXIT))
    if (code !== EXIT.ok && code !== EXIT.broken) expect(text).toMatch(new RegExp(`^  ${code} +\\w`, 'm'))
  for (const name of ['LOCKPOOL_URL', 'DATABASE_URL', 'LOCK_KEY', 'LOCK_TOKEN']) expect(text).toContain(name)
  expect(widest(text)).toBeLessThanOrEqual(100)
  expect(text).not.toMatch(/ $/m)
  expect(text.endsWith('\n')).toBe(true)
})

test.each(COMMANDS)(
  'help of $name has a usage, a description, examples and exit codes, and fits the screen',
  async ({ name, load }) => {
    const command = await load()
    const text = commandHelp(name, command, plain)

    expect(text).toContain(`  lockpool ${name} ${command.usage}`)
    for (const paragraph of command.description) expect(unwrapped(text)).toContain(paragraph)
    expect(command.examples.length).toBeGreaterThan(0)
    for (const [example] of command.examples) expect(text).toContain(`  ${example}\n`)
    expect(command.exitCodes.length).toBeGreaterThan(1)
    expect(widest(text)).toBeLessThanOrEqual(100)
    expect(text).not.toMatch(/ $/m)
  },
)

test('every command has --json, except those that print a script', async () => {
  const without = await Promise.all(
    COMMANDS.map(async ({ name, load }) => ('json' in (await load()).flags ? [] : [name])),
  )
  expect(without.flat()).toEqual(['completion'])
})

function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length))
}

function unwrapped(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
