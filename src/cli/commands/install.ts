import { administer, ERRAND_FLAGS, type Errand, type ErrandFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { listFlag, toggle, type Flag } from '../flags.js'
import {
  CREATE_KEY_NAMES,
  CREATE_OBJECTS,
  CREATE_SCHEMA,
  grantsTo,
  keyNameGrantsTo,
  QUEUE_UP,
} from '../../dialect/postgres/schema-sql.js'
import { CREATE_REPORTS, reportGrantsTo } from '../../dialect/postgres/report-sql.js'
import { UsageError } from '../usage-error.js'

type InstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'role', Flag<readonly string[]>>> &
  Readonly<Record<'no-key-names', Flag<true>>> &
  ErrandFlags

const FLAGS: InstallFlags = {
  url: CONNECTION_FLAGS.url,
  role: listFlag('ROLE', {
    meaning: 'a role that is to use it, besides the one that installs; may be given more than once',
    default: 'none',
  }),
  'no-key-names': toggle({
    meaning:
      'without the tables in which pools write what their keys are called and since when they are held, for lockpool ls, who, top and dashboard',
  }),
  ...ERRAND_FLAGS,
}

export const command: Command<InstallFlags> = {
  usage: '[FLAGS]',
  description: [
    'Makes what lockpool keeps in a database, in schema lockpool: a sequence for fencing tokens, small tables for guards, leaders and strict mode, a secret for what processes tell each other, and two tables for people who look at locks: names of keys, and since when each is held. What is there already is left as it is.',
    'A pool whose role may create a schema does the same by itself at its first use, except for the last two. Locks alone need none of it.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [
    [
      'lockpool install --role app --role worker',
      'as the owner of the database, for two roles without rights',
    ],
    ['lockpool install --role app --print | psql mydb', 'read it first, or put it into a migration'],
    ['lockpool install --json', 'in a pipeline: what is installed, for a program'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool install takes no arguments')
    const roles = flags.role ?? []
    const keyNames = flags['no-key-names'] !== true
    const names = keyNames
      ? [
          CREATE_KEY_NAMES,
          CREATE_REPORTS,
          ...roles.flatMap((role) => [keyNameGrantsTo(role), reportGrantsTo(role)]),
        ]
      : []
    const errand: Errand = {
      url: flags.url,
      applicationName: 'lockpool install',
      first: QUEUE_UP,
      statements: [CREATE_SCHEMA, ...CREATE_OBJECTS, ...roles.flatMap(grantsTo), ...names],
      done: 'lockpool: schema lockpool is installed',
      facts: { installed: true, schema: 'lockpool', roles, keyNames },
    }
    return administer(errand, flags, terminal)
  },
}
