import { parseArgs } from 'node:util'
import { FAULT_NAMES, type FaultName } from './faults.js'

export const USAGE: string = `usage: npm run ha -- --fault ${FAULT_NAMES.join('|')} [--strict] [--both] [--minutes N]
       [--way hosts|balancer] [--sync] [--quick] [--lease MS] [--newcomer]
       [--away S] [--json FILE] [--keep FOLDER]

  --fault F     what happens to the primary of a three-node Patroni cluster; several with commas, or "all"
  --strict      pools with \`strict: true\`
  --both        three processes without it, and three with it, on the same cluster
  --minutes N   how long to run rounds; at least one of each fault (default 1)
  --way W       how workers find the primary: a list of all hosts (default), or HAProxy
  --sync        with synchronous_mode of Patroni
  --quick       ttl 20, loop_wait 5, retry_timeout 5, instead of Patroni's 30, 10, 10
  --lease MS    leaseMs of the pools (default 15000)
  --newcomer    a fourth process starts when there is a new primary: it knows nothing of the time before
  --away S      the old primary comes back this many seconds after there is a new one (default 5)
  --json FILE   writes the results to this file
  --keep FOLDER keeps the logs of the cluster and the journals of a round that has findings or can't be finished

Needs Patroni, etcd, PostgreSQL 14 or later and, for --way balancer, HAProxy. Nothing is installed. On Debian:
  apt-get install patroni etcd-server haproxy`

export type Way = 'hosts' | 'balancer'

/** The options from the command line. */
export interface HaOptions {
  readonly faults: readonly FaultName[]
  /** For each crew, whether its pools are strict. */
  readonly strict: readonly boolean[]
  readonly minutes: number
  readonly way: Way
  readonly isSync: boolean
  readonly isQuick: boolean
  readonly leaseMs: number
  readonly hasNewcomer: boolean
  readonly awayMs: number
  readonly json: string | null
  readonly keep: string | null
}

/** @throws {TypeError} that names the wrong argument. */
export function parseOptions(args: readonly string[]): HaOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fault: { type: 'string' },
      strict: { type: 'boolean', default: false },
      both: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '1' },
      way: { type: 'string', default: 'hosts' },
      sync: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      lease: { type: 'string', default: '15000' },
      newcomer: { type: 'boolean', default: false },
      away: { type: 'string', default: '5' },
      json: { type: 'string' },
      keep: { type: 'string' },
    },
  })
  if (values.way !== 'hosts' && values.way !== 'balancer')
    throw misuse(`--way must be hosts or balancer, got "${values.way}"`)
  return {
    faults: faultsIn(values.fault),
    strict: values.both ? [false, true] : [values.strict],
    minutes: positive('minutes', values.minutes),
    way: values.way,
    isSync: values.sync,
    isQuick: values.quick,
    leaseMs: positive('lease', values.lease),
    hasNewcomer: values.newcomer,
    awayMs: positive('away', values.away) * 1000,
    json: values.json ?? null,
    keep: values.keep ?? null,
  }
}

function faultsIn(text: string | undefined): readonly FaultName[] {
  if (text === undefined) throw misuse('--fault is missing')
  if (text === 'all') return FAULT_NAMES
  return text.split(',').map((name) => {
    if (FAULT_NAMES.includes(name as FaultName)) return name as FaultName
    throw misuse(`--fault must be one of ${FAULT_NAMES.join(', ')}, got "${name}"`)
  })
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw misuse(`--${name} must be a whole number above 0, got "${text}"`)
}

/** The same kind of error as from `parseArgs`. */
function misuse(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_HA_OPTION' })
}
