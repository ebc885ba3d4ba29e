import { COMMANDS } from '../command-table.js'
import type { Command } from '../command.js'
import { completionScript, SHELLS, type CompletedCommand } from '../completion/scripts.js'
import { exitRows } from '../exit-codes.js'
import { HELP_FLAG } from '../flags.js'
import { UsageError } from '../usage-error.js'

export const command: Command = {
  usage: SHELLS.join('|'),
  description: ['Prints a completion script for the commands and flags of lockpool. It needs no database.'],
  flags: {},
  environment: [],
  examples: [
    ['eval "$(lockpool completion bash)"', 'in ~/.bashrc'],
    ['source <(lockpool completion zsh)', 'in ~/.zshrc, after compinit'],
    ['lockpool completion fish > ~/.config/fish/completions/lockpool.fish', 'once'],
  ],
  exitCodes: exitRows('ok', 'usage', 'internal'),
  async run({ args, rest, terminal }) {
    const shell = SHELLS.find((each) => each === args[0])
    if (shell === undefined || args.length > 1 || rest !== null)
      throw new UsageError(`completion needs a shell: ${SHELLS.join(', ')}`)
    const commands = await Promise.all(
      COMMANDS.map(async ({ name, summary, load }): Promise<CompletedCommand> => {
        const { flags } = await load()
        const choices = name === 'completion' ? SHELLS : []
        return { name, summary, flags: { ...flags, ...HELP_FLAG }, choices }
      }),
    )
    terminal.out.write(completionScript(shell, commands))
    return 0
  },
}
