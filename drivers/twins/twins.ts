/**
 * Sends the same messages to a server and to a front of it. The answers, and the locks at the end, must be the same.
 */
import type { Client } from 'pg'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { readLocksLike, readSettledLocks, keyOf } from '../run-program.js'
import { randomScript, type Step } from './random-script.js'
import { WireSession } from './wire-session.js'

export interface Ports {
  readonly server: number
  readonly front: number
  /** Reads the locks at the server. */
  readonly admin: Client
}

export interface Difference {
  readonly seed: number
  readonly script: readonly Step[]
  readonly server: readonly string[]
  readonly front: readonly string[]
}

/**
 * Plays the script of one seed. Returns null if nothing differs, otherwise the difference with as few steps as still
 * show it.
 */
export async function runTwins(seed: number, ports: Ports): Promise<Difference | null> {
  const found = await compareScript(seed, randomScript(new SeededRandom(seed)), ports)
  return found === null ? null : shrink(found, ports)
}

/** Returns null if nothing differs. */
export async function compareScript(
  seed: number,
  script: readonly Step[],
  ports: Ports,
): Promise<Difference | null> {
  const server = await play(script, ports.server)
  const locks = await readSettledLocks(ports.admin)
  const keys = new Set([...locks.map(keyOf), ...KEYS])
  server.end()
  await readLocksLike(ports.admin, [], keys)
  const front = await play(script, ports.front)
  const found = await readLocksLike(ports.admin, locks, keys)
  front.end()
  await readLocksLike(ports.admin, [], keys)
  const all = {
    server: [...withoutDelay(server.answers), ...locks],
    front: [...withoutDelay(front.answers), ...found],
  }
  return all.server.join('\n') === all.front.join('\n') ? null : { seed, script, ...all }
}

/** The keys that a script may lock. */
const KEYS = ['1', '2', '5', '7', '8', '11', '12']
  .map((key) => `0:${key}:1`)
  .concat('1:2:2', '3:4:2', '7:7:2')

/**
 * Removes the answers to Parse, Bind and Describe that come before an error. The server may find an error in an
 * expression at Parse, which the front finds at Execute.
 */
function withoutDelay(answers: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (const answer of answers) {
    if (answer.startsWith('E ')) while (/^[12tTn] /.test(kept.at(-1) ?? '')) kept.pop()
    kept.push(answer)
  }
  return kept
}

async function play(script: readonly Step[], port: number): Promise<{ answers: string[]; end: () => void }> {
  const sessions = [await WireSession.open(port), await WireSession.open(port)]
  const answers: string[] = []
  for (const { who, frames } of script) {
    answers.push(...(await sessions[who]!.ask(frames)))
    if (answers.at(-1) === 'silence' || answers.at(-1) === 'the end') break
  }
  return { answers, end: () => sessions.forEach((session) => session.end()) }
}

async function shrink(found: Difference, ports: Ports): Promise<Difference> {
  let best = found
  for (let i = best.script.length - 1; i >= 0; i--) {
    const less = best.script.filter((_, at) => at !== i)
    best = (await compareScript(best.seed, less, ports)) ?? best
  }
  return best
}

export function inWords({ seed, script, server, front }: Difference): string {
  const at = server.findIndex((line, i) => line !== front[i])
  const first = at === -1 ? server.length : at
  return [
    `seed ${seed}`,
    ...script.flatMap(({ who, frames }) => frames.map((frame) => `  ${who} ${JSON.stringify(frame)}`)),
    `  ${first} answers are the same, then`,
    `  server ${server.slice(first, first + 3).join(' | ')}`,
    `  front  ${front.slice(first, first + 3).join(' | ')}`,
  ].join('\n')
}
