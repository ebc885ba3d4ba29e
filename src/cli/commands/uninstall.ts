import { administer, ERRAND_FLAGS, type ErrandFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { DROP_SCHEMA } from '../../dialect/postgres/schema-sql.js'
import { UsageError } from '../usage-error.js'

type UninstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> & Readonly<Record<'yes', Flag<true>>> & ErrandFlags

const FLAGS: UninstallFlags = {
  url: CONNECTION_FLAGS.url,
  yes: toggle({ meaning: 'yes, drop it' }),
  ...ERRAND_FLAGS,
}

export const command: Command<UninstallFlags> = {
  usage: '--yes [FLAGS]',
  description: [
    'Drops schema lockpool and all that is in it. Pools that are in use go on locking, without tokens for new sessions; strict ones refuse to.',
    'Fencing tokens begin anew if it is installed again: what was stored with a token before will then refuse every holder.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [['lockpool uninstall --yes', 'nothing in this database uses lockpool any more']],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool uninstall takes no arguments')
    if (flags.yes !== true && flags.print !== true)
      throw new UsageError('this drops stored fencing tokens for good: say --yes if so')
    const errand = {
      url: flags.url,
      applicationName: 'lockpool uninstall',
      statements: [DROP_SCHEMA],
      done: 'lockpool: schema lockpool is dropped',
      facts: { installed: false, schema: 'lockpool' },
    }
    return administer(errand, flags, terminal)
  },
}
