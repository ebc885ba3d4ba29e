import { systemClock } from '../../base/clock.js'
import { administer, ERRAND_FLAGS, type Errand, type ErrandFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { parseDuration } from '../durations.js'
import { exitRows } from '../exit-codes.js'
import { listFlag, toggle, type Flag } from '../flags.js'
import {
  CREATE_KEY_NAMES,
  CREATE_OBJECTS,
  CREATE_SCHEMA,
  grantsTo,
  keyNameGrantsTo,
  queueUp,
  UPGRADE_TIMELINE,
} from '../../dialect/postgres/schema-sql.js'
import { CREATE_REPORTS, reportGrantsTo } from '../../dialect/postgres/report-sql.js'
import { decideStrictLease } from '../../dialect/postgres/strict-lease.js'
import { within } from '../../dialect/postgres/timeline-sql.js'
import { UsageError } from '../usage-error.js'

type InstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'role', Flag<readonly string[]>>> &
  Readonly<Record<'no-key-names', Flag<true>>> &
  Readonly<Record<'strict-lease', Flag<number>>> &
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
  'strict-lease': {
    value: 'DURATION',
    meaning:
      'how long a lease of a strict pool may be in this database; waits until every replica has heard of a longer one',
    default: 'what the first strict pool decides, 30s at most',
    expects: 'a duration from 1s to 24h',
    read: (text) => {
      const leaseMs = parseDuration(text)
      return leaseMs !== null && leaseMs >= 1000 ? leaseMs : null
    },
  },
  ...ERRAND_FLAGS,
}

/** For somebody's lock on what is there already. */
const LONGEST_WAIT_MS = 10_000

export const command: Command<InstallFlags> = {
  usage: '[FLAGS]',
  description: [
    'Makes what lockpool keeps in a database, in schema lockpool: a sequence for fencing tokens, small tables for guards, leaders, strict mode and what is known of the server, a secret for what processes tell each other, and two tables for people who look at locks: names of keys, and since when each is held. What is there already is left as it is, or brought up to date.',
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
    [
      'lockpool install --strict-lease 60s',
      'before strict pools get a longer "leaseMs" than they have agreed on',
    ],
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
    const leaseMs = flags['strict-lease']
    if (leaseMs !== undefined && flags.print === true)
      throw new UsageError('--strict-lease can not be printed: it has to see what replicas have heard of')
    const errand: Errand = {
      url: flags.url,
      applicationName: 'lockpool install',
      first: within(LONGEST_WAIT_MS, queueUp(20)),
      statements: [CREATE_SCHEMA, ...CREATE_OBJECTS, UPGRADE_TIMELINE, ...roles.flatMap(grantsTo), ...names],
      done: 'lockpool: schema lockpool is installed',
      facts: {
        installed: true,
        schema: 'lockpool',
        roles,
        keyNames,
        ...(leaseMs === undefined ? {} : { strictLeaseMs: leaseMs }),
      },
      ...(leaseMs === undefined
        ? {}
        : { finish: (connection) => decideStrictLease(connection, leaseMs, systemClock) }),
    }
    return administer(errand, flags, terminal)
  },
}
