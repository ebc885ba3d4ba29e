import { administer, ADMIN_FLAGS, type AdminFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { isMysql } from '../mysql/address.js'
import { DROP_SCHEMA } from '../../dialect/postgres/schema/schema-sql.js'
import { UsageError } from '../usage-error.js'

type UninstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> & Readonly<Record<'yes', Flag<true>>> & AdminFlags

const FLAGS: UninstallFlags = {
  url: CONNECTION_FLAGS.url,
  yes: toggle({ meaning: 'confirm that it may be dropped' }),
  ...ADMIN_FLAGS,
}

export const command: Command<UninstallFlags> = {
  usage: '--yes [FLAGS]',
  description: [
    'Drops the schema lockpool and everything in it; in MariaDB and MySQL the tables and procedures of lockpool, whose names begin with lockpool_. Running pools continue to lock, without tokens for new sessions; strict pools refuse to lock.',
    'If it is installed again, fencing tokens go on growing, because they begin with the time of day.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [['lockpool uninstall --yes', 'no program uses lockpool in this database any more']],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool uninstall takes no arguments')
    if (flags.yes !== true && flags.print !== true)
      throw new UsageError('this permanently deletes stored fencing tokens: pass --yes to confirm')
    if (isMysql(flags.url)) {
      const { uninstallInMysql } = await import('../mysql/install.js')
      return uninstallInMysql(
        { url: flags.url, isPrinted: flags.print === true, isJson: flags.json === true },
        terminal,
      )
    }
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
