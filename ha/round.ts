import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Verdict } from '../chaos/check.js'
import type { Finding } from '../chaos/check/finding.js'
import { sharedNow, type History, type Moment } from '../chaos/history.js'
import { withClient } from '../chaos/with-client.js'
import { Crew } from './crew.js'
import { FAULTS, type FaultName } from './faults.js'
import { timingsOf, type Timings } from './figures.js'
import { LEFTOVERS } from './ha-sql.js'
import type { HaOptions } from './options.js'
import type { PatroniCluster } from './patroni-cluster.js'
import { isPrimary, leaderOf, successorOf, type Member } from './patroni-view.js'
import { withEnding } from './overlaps.js'
import { Prober } from './prober.js'
import type { Telling } from './worker-process.js'

const WORKERS = ['a', 'b', 'c']
const NEWCOMER = 'd'

/** How long a cluster may take to have a primary again, and to be complete again. */
const FAIL_OVER_LIMIT_MS = 120_000
const WHOLE_LIMIT_MS = 180_000

/** How long everything is observed after that. */
const WATCHED_MS = 10_000

/** How long the server may take to free what the workers have left. */
const CLEAN_LIMIT_MS = 20_000

const LOOK_EVERY_MS = 100

/** Three processes hold in turn for 20 ms: a caller that waits this long is left behind. */
const LEFT_BEHIND_MS = 10_000

/** The result of one round. */
export interface RoundResult extends Verdict {
  readonly fault: FaultName
  readonly isStrict: boolean
  readonly timings: Timings
  /** The state of the cluster according to Patroni, before and after. */
  readonly before: readonly Member[]
  readonly after: readonly Member[]
  /**
   * Why the cluster did not become complete again, which is up to Patroni. Null if it did. The observations of the
   * processes count in any case.
   */
  readonly unfinished: string | null
  /** The answers of Patroni's REST interface, in seconds after the strike. */
  readonly steps: readonly string[]
  /** The events of the pools: changes of the primary, warnings, refusals. */
  readonly told: readonly string[]
}

/**
 * One fault on a whole cluster, under three processes that lock. With both modes there are three of each, and a result
 * for each.
 */
export async function runRound(
  cluster: PatroniCluster,
  fault: FaultName,
  options: HaOptions,
  say: (what: string) => void,
): Promise<readonly RoundResult[]> {
  const folder = await mkdtemp(join(cluster.plan.folder, 'journal-'))
  await cluster.whole(WHOLE_LIMIT_MS)
  const before = await cluster.members()
  const primary = cluster.nodeOf(leaderOf(before)!)
  const standby = cluster.nodeOf(successorOf(before)!)
  say('starting')
  const url = cluster.urlBy(options.way)
  const { leaseMs, strict } = options
  const crews = strict.map((isStrict) => new Crew({ url, leaseMs, isStrict, folder }))
  for (const crew of crews) for (const name of WORKERS) crew.start(name)
  const stopAll = (): Promise<unknown> => Promise.all(crews.map((crew) => crew.stop()))
  const prober = new Prober(cluster.nodes, (node) => cluster.urlOf(node))
  const keptIn =
    options.keep === null
      ? null
      : join(options.keep, `${new Date().toISOString().replaceAll(':', '')} ${fault}`)
  let isClean = false
  try {
    await Promise.all(crews.map((crew) => crew.warm()))
    say(fault)
    const struckAt = sharedNow()
    const steps: string[] = []
    const step = (what: string): void => void steps.push(`${seconds(sharedNow() - struckAt)} ${what}`)
    const undo = await FAULTS[fault].strike(cluster, primary, standby)
    step('struck')
    await newPrimary(cluster, primary.name, FAULTS[fault].mayStay, step)
    if (options.hasNewcomer) for (const crew of crews) crew.start(NEWCOMER)
    await sleep(options.awayMs)
    say(`${fault}: the old primary comes back`)
    undo()
    step('undone')
    const unfinished = await cluster.whole(WHOLE_LIMIT_MS).then(
      () => null,
      (error: Error) => error.message,
    )
    step(unfinished ?? 'whole again')
    await sleep(WATCHED_MS)
    const served = await Promise.all(crews.map((crew) => crew.grantedAgain(struckAt)))
    await stopAll()
    await prober.stop()
    if (unfinished === null) await cluster.whole(WHOLE_LIMIT_MS)
    const after = await cluster.members()
    const leaks = await leftoversOf(cluster.urlOf(cluster.nodeOf(leaderOf(after)!)))
    const results = crews.map(({ lives, isStrict, told }, i): RoundResult => {
      const history = historyOf(lives, leaseMs, isStrict, leaks)
      const timings = timingsOf({ struckAt, oldPrimary: primary.name, lives, writes: prober.writes })
      const { databaseBackMs } = timings
      const backAt = databaseBackMs === null ? null : struckAt + databaseBackMs
      const ending = FAULTS[fault].endsSessions ? { from: struckAt, to: backAt } : null
      const { findings, figures } = withEnding(history, ending)
      return {
        ...{ fault, isStrict, before, after, steps, timings, figures, unfinished },
        told: told.map(({ process, telling }) => inWords(process, telling, struckAt)),
        findings: [...findings, ...(served[i] === true ? [] : [NOBODY_SERVED]), ...leftBehind(timings)],
      }
    })
    isClean = unfinished === null && results.every(({ findings }) => findings.length === 0)
    return results
  } finally {
    await Promise.all([stopAll(), prober.stop()])
    if (!isClean && keptIn !== null) await cluster.keep(folder, keptIn)
    await rm(folder, { recursive: true })
  }
}

const NOBODY_SERVED: Finding = { kind: 'lost-wake-up', what: 'a process was granted nothing after the fault' }

function leftBehind({ slowestCallerMs }: Timings): readonly Finding[] {
  if (slowestCallerMs === null || slowestCallerMs < LEFT_BEHIND_MS) return []
  return [
    {
      kind: 'lost-wake-up',
      what: `a caller waited ${seconds(slowestCallerMs)} while others were granted locks`,
    },
  ]
}

async function newPrimary(
  cluster: PatroniCluster,
  old: string,
  mayStay: boolean,
  step: (what: string) => void,
): Promise<void> {
  let hasLeft = false
  for (const until = sharedNow() + FAIL_OVER_LIMIT_MS; sharedNow() < until;) {
    const primaries = await Promise.all(
      cluster.nodes.map(async (node) => ((await isPrimary(node)) ? node.name : null)),
    )
    if (!hasLeft && !primaries.includes(old)) {
      hasLeft = true
      step(`${old} is no primary any more`)
    }
    const now = primaries.find((name) => name !== null && (name !== old || (mayStay && hasLeft)))
    if (now !== undefined && now !== null) return step(`${now} is the primary`)
    // patronictl returns when the restart is done: possibly no observation has shown that the node was away.
    if (mayStay && !hasLeft && primaries.includes(old) && sharedNow() > until - FAIL_OVER_LIMIT_MS + 5000)
      return step(`${old} is still the primary`)
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`there is no primary after ${FAIL_OVER_LIMIT_MS / 1000} s`)
}

function historyOf(
  lives: History['lives'],
  leaseMs: number,
  isStrict: boolean,
  leaks: readonly string[],
): History {
  const none = { strikes: [], calms: [], sightings: [], writes: [] }
  return { leaseMs, isStrict, endedAt: sharedNow(), lives, leaks, ...none }
}

/** What the server still has of workers that have ended. Asks again if the server does not answer. */
async function leftoversOf(url: string): Promise<string[]> {
  for (const until = sharedNow() + CLEAN_LIMIT_MS; ; await sleep(500)) {
    const isLast = sharedNow() > until
    try {
      const { rows } = await withClient(url, (client) => client.query<{ what: string; n: number }>(LEFTOVERS))
      if (rows.length === 0 || isLast) return rows.map(({ what, n }) => `${n} of ${what}`)
    } catch (error) {
      if (isLast) throw error
    }
  }
}

function inWords(process: string, telling: Telling, struckAt: Moment): string {
  const { what, at, host, timeline, downMs, message, code } = telling
  const said =
    what === 'primary'
      ? `primary:changed ${host}, timeline ${timeline}, down for ${seconds(downMs ?? 0)}`
      : what === 'refused'
        ? `refused: ${code} ${message}`
        : `warning: ${message}`
  return `${seconds(at - struckAt)} ${process} ${said}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
