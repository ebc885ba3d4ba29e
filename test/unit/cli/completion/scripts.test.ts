import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../../../src/cli/command-table.js'
import {
  completionScript,
  SHELLS,
  type CompletedCommand,
  type Shell,
} from '../../../../src/cli/completion/scripts.js'
import { listFlag, textFlag, toggle } from '../../../../src/cli/flags.js'

const COMMANDS_TOLD: readonly CompletedCommand[] = [
  {
    name: 'run',
    summary: "what's run",
    flags: {
      wait: textFlag('TIME', { short: 'w', meaning: "don't [ever]: wait" }),
      'no-wait': toggle({ meaning: 'at once' }),
    },
  },
  { name: 'ride', summary: 'with \\ in it', flags: { set: listFlag('A=B', { meaning: 'x' }) } },
]

function has(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'true'], { timeout: 10_000 }).status === 0
}

/** What bash offers when the last of these words is being typed. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('bash', COMMANDS_TOLD)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lockpool; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['-c', script, 'bash', 'lockpool', ...words], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  return out.split('\n').filter((line) => line !== '')
}

test.skipIf(!has('bash'))(
  'bash offers commands, then the flags of the command, and nothing behind --',
  () => {
    expect(offered('')).toEqual(['run', 'ride', '--help', '--version'])
    expect(offered('ri')).toEqual(['ride'])
    expect(offered('run', '--')).toEqual(['--wait', '--no-wait'])
    expect(offered('run', 'key', '--n')).toEqual(['--no-wait'])
    expect(offered('ride', '--w')).toEqual([])
    expect(offered('run', 'ride')).toEqual([])
    expect(offered('run', 'key', '--', '--')).toEqual([])
  },
)

test.each(SHELLS)('%s takes the script for one, whatever stands in the texts', (shell) => {
  const script = completionScript(shell, COMMANDS_TOLD)
  for (const word of ['ride', 'no-wait', 'run']) expect(script).toContain(word)
  if (!has(shell)) return
  const { status, stderr } = spawnSync(shell, ['-n', '-c', script], { encoding: 'utf8', timeout: 10_000 })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test.skipIf(!has('fish'))('fish tells what each is for', () => {
  const ask = (line: string): string =>
    execFileSync(
      'fish',
      ['-c', `${completionScript('fish', COMMANDS_TOLD)}\ncomplete -C ${JSON.stringify(line)}`],
      {
        encoding: 'utf8',
      },
    )
  expect(ask('lockpool ru')).toBe("run\twhat's run\n")
  expect(ask('lockpool run --wa')).toBe("--wait\tdon't [ever]: wait\n")
})

test('every command has flags that can be completed, and is loaded for that alone', async () => {
  for (const { load } of COMMANDS) {
    const { flags } = await load()
    for (const name of Object.keys(flags)) expect(name).toMatch(/^[a-z][a-z-]*$/)
  }
})
