import { durationInWords } from '../../inspect/durations-in-words.js'
import { ok, warning, type Verdict } from './verdict.js'
import type { AvailabilityFacts } from './doctor-facts.js'
import { leaseRule, USUAL_TIMES, type FailOverTimes } from './lease-rule.js'

type Look = (facts: AvailabilityFacts) => Verdict

/** The first version in which a leader that was frozen does not take the lead again when it is thawed. */
const SAFE_PATRONI = [3, 0, 3]

/** Checks that matter when the primary changes. */
export const AVAILABILITY_CHECKS: Readonly<Record<string, Look>> = {
  hosts: ({ hosts, standbys }) => {
    if (hosts > 1) return ok(`${hosts} hosts: pools connect to the primary among them`)
    if (standbys === 0) return ok('one address, and no standby that could take over')
    return ok(
      `one address, and ${standbysInWords(standbys)}: in a failover the address has to lead to the new primary, or name all hosts`,
    )
  },

  timeline: ({ timeline }) =>
    timeline === null
      ? ok(
          'this role cannot read the timeline: `primary:changed` compares the host and the start of the server',
        )
      : ok(`timeline ${timeline}${timeline > 1 ? `: promoted ${timeline - 1} times so far` : ''}`),

  replication: ({ standbys, synchronousStandbys }) => {
    if (standbys === 0 && synchronousStandbys === '') return ok('no standby is connected')
    if (synchronousStandbys === '')
      return ok(
        `asynchronous, ${standbysInWords(standbys)}: a failover may take back the last writes, guarded ones included; locks and tokens do not depend on it`,
      )
    const names = `synchronous (${synchronousStandbys})`
    return standbys === 0
      ? warning(
          `${names}, and no standby is connected: commits wait`,
          'Lock sessions commit with synchronous_commit = local, so locks go on. Your own writes do not.',
        )
      : ok(`${names}, ${standbysInWords(standbys)}`)
  },

  lease: ({ leaseMs, standbys, patroni }) => {
    const isKnown = patroni !== null && 'ttlMs' in patroni
    const times: FailOverTimes = isKnown ? patroni : USUAL_TIMES
    const { believesMs, soonestMs, overlapMs, belowMs } = leaseRule(leaseMs, times)
    const lease = `leaseMs ${durationInWords(leaseMs)}`
    const whose = isKnown ? 'Patroni here' : "Patroni's defaults"
    if (standbys === 0 && !isKnown) return ok(`${lease}; there is no standby to fail over to`)
    if (overlapMs === 0)
      return ok(
        `${lease}: a holder gives up after ${durationInWords(believesMs)}, and another primary comes after ${durationInWords(soonestMs)} at the earliest, with ${whose}`,
      )
    return warning(
      `${lease}: a holder that is frozen with the primary believes in its lock for ${durationInWords(believesMs)}, and another primary may come after ${durationInWords(soonestMs)}, with ${whose}: in plain mode two may hold one lock for ${durationInWords(overlapMs)}`,
      `Keep 0.9 x leaseMs below ttl - loop_wait (leaseMs below ${durationInWords(belowMs)}), or use strict: true, or check tokens with lock.guard.`,
    )
  },

  patroni: ({ patroni }) => {
    if (patroni === null)
      return ok('not asked: with --patroni http://NODE:8008 the lease is compared with its settings')
    if ('problem' in patroni)
      return warning(
        `could not be asked: ${patroni.problem}`,
        'The address is that of the REST interface of a node.',
      )
    const { version, ttlMs, loopWaitMs, isSynchronous } = patroni
    const text = `Patroni ${version}, ttl ${ttlMs / 1000}, loop_wait ${loopWaitMs / 1000}${isSynchronous ? ', synchronous_mode' : ''}`
    return isBefore(version, SAFE_PATRONI)
      ? warning(
          text,
          'Before 3.0.3 a leader on etcd3 that was frozen may take the lead again when it is thawed: two primaries for a moment, and the timeline of the new one is thrown away. Upgrade Patroni.',
        )
      : ok(text)
  },
}

function standbysInWords(standbys: number): string {
  return standbys === 1 ? 'one standby follows' : `${standbys} standbys follow`
}

/** A version that can't be read counts as new enough. */
function isBefore(version: string, wanted: readonly number[]): boolean {
  const numbers = version.split('.').map((part) => Number.parseInt(part, 10))
  if (numbers.some(Number.isNaN)) return false
  for (const [i, want] of wanted.entries()) {
    const have = numbers[i] ?? 0
    if (have !== want) return have < want
  }
  return false
}
