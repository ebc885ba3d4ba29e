import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../../../src/cli/command-table.js'
import {
  completionScript,
  SHELLS,
  type CompletedCommand,
  type Shell,
} from '../../../../src/cli/completion/scripts.js'
import { choiceFlag, listFlag, textFlag, toggle } from '../../../../src/cli/flags.js'

const COMMANDS_TOLD: readonly CompletedCommand[] = [
  {
    name: 'run',
    summary: "what's run",
    flags: {
      wait: textFlag('TIME', { short: 'w', meaning: "don't [ever]: wait" }),
      'no-wait': toggle({ meaning: 'at once' }),
      kind: choiceFlag('KIND', ['table', 'advisory'], { meaning: 'only these' }),
    },
    choices: [],
  },
  { name: 'ride', summary: 'with \\ in it', flags: { set: listFlag('A=B', { meaning: 'x' }) }, choices: [] },
  { name: 'shell', summary: 'a script', flags: {}, choices: ['bash', 'zsh'] },
]

function has(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'true'], { timeout: 10_000 }).status === 0
}

/** The words that bash offers to complete the last of these words. */
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
    expect(offered('')).toEqual(['run', 'ride', 'shell', '--help', '--version'])
    expect(offered('ri')).toEqual(['ride'])
    expect(offered('run', '--')).toEqual(['--wait', '--no-wait', '--kind'])
    expect(offered('run', 'key', '--n')).toEqual(['--no-wait'])
    expect(offered('ride', '--w')).toEqual([])
    expect(offered('run', 'ride')).toEqual([])
    expect(offered('run', 'key', '--', '--')).toEqual([])
  },
)

test.skipIf(!has('bash'))(
  'bash offers the values of a flag, and of an argument, that takes one of a few words',
  () => {
    expect(offered('run', '--kind', '')).toEqual(['table', 'advisory'])
    expect(offered('run', 'key', '--kind', 't')).toEqual(['table'])
    expect(offered('run', '--kind', '=', 'a')).toEqual(['advisory'])
    expect(offered('run', '--kind', '=')).toEqual(['table', 'advisory'])
    expect(offered('run', '--wait', '')).toEqual([])
    expect(offered('shell', 'z')).toEqual(['zsh'])
  },
)

/** The start file of zsh. It is a file because zsh may cut off input that is typed before it is ready. */
const ZSH_SETUP = (script: string): string =>
  [
    "PS1='> '; unset zle_bracketed_paste",
    `autoload -U compinit; compinit -u -D; source ${script}`,
    `show() { print -r -- "<<$BUFFER>>"; BUFFER='' }; zle -N show; bindkey '^X' show`,
    'zle-line-init() { print READY; zle -D zle-line-init }; zle -N zle-line-init',
  ].join('\n')

/**
 * A zsh in a separate terminal, with its start file in the folder `$1`. The other arguments are typed one by one, each followed
 * by Tab.
 */
const ZSH_SESSION = [
  'zmodload zsh/zpty',
  'zpty shell ZDOTDIR=$1 zsh -d -i',
  `zpty -r -m shell seen '*READY*'`,
  'shift',
  'for typed; do',
  `zpty -w -n shell "$typed"$'\\t'$'\\C-X'`,
  `zpty -r -m shell seen '*<<*>>*'`,
  'print -r -- "${${seen#*<<}%%>>*}"',
  'done',
  'zpty -d shell',
].join('\n')

function completedByZsh(...typed: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lockpool-zsh-'))
  const file = join(folder, 'completion.zsh')
  writeFileSync(file, completionScript('zsh', COMMANDS_TOLD))
  writeFileSync(join(folder, '.zshrc'), ZSH_SETUP(file))
  try {
    const args = ['-f', '-c', ZSH_SESSION, 'zsh', folder, ...typed]
    const out = execFileSync('zsh', args, { encoding: 'utf8', timeout: 40_000, cwd: folder })
    return out
      .trimEnd()
      .split('\n')
      .map((line) => line.trim())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test.skipIf(!has('zsh'))(
  'zsh completes flags behind an argument, values, and files behind --',
  { timeout: 60_000 },
  () => {
    const lines = {
      'lockpool ri': 'lockpool ride',
      'lockpool run --no': 'lockpool run --no-wait',
      'lockpool run key --no': 'lockpool run key --no-wait',
      'lockpool run key --kind t': 'lockpool run key --kind table',
      'lockpool run --kind=a': 'lockpool run --kind=advisory',
      'lockpool shell z': 'lockpool shell zsh',
      'lockpool run key -- --no': 'lockpool run key -- --no',
    }
    expect(completedByZsh(...Object.keys(lines))).toEqual(Object.values(lines))
  },
)

test.each(SHELLS)('%s accepts the script, whatever its texts contain', (shell) => {
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
  expect(ask('lockpool run --kind ')).toBe('advisory\tonly these\ntable\tonly these\n')
  expect(ask('lockpool shell z')).toBe('zsh\n')
})

test('every command has flags that can be completed, and is loaded for that alone', async () => {
  for (const { load } of COMMANDS) {
    const { flags } = await load()
    for (const name of Object.keys(flags)) expect(name).toMatch(/^[a-z][a-z-]*$/)
  }
})
