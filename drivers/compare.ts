import type { Program } from './programs.js'
import { keyOf, readLocksLike, readSettledLocks, runProgram, type Run } from './run-program.js'
import type { Server, Target } from './target.js'

export interface Comparison {
  readonly program: Program
  readonly straight: Run
  readonly front: Run
  /** Empty if the program got the same from the front as from the server. */
  readonly differences: readonly string[]
}

export async function compare(program: Program, server: Server, front: Target): Promise<Comparison> {
  const straight = await runProgram(program, server.port, () => readSettledLocks(server.admin))
  const keys = new Set(straight.locks.flat().map(keyOf))
  const run = await runProgram(program, front.port, (checkpoint) =>
    readLocksLike(server.admin, straight.locks[checkpoint] ?? [], keys),
  )
  return { program, straight, front: run, differences: differencesOf(straight, run) }
}

function differencesOf(straight: Run, front: Run): readonly string[] {
  const differences: string[] = []
  if (straight.exitCode !== 0) differences.push(`exit code ${straight.exitCode} at the server`)
  if (front.exitCode !== straight.exitCode) differences.push(`exit code ${front.exitCode} at the front`)
  const count = Math.max(straight.lines.length, front.lines.length)
  for (let i = 0; i < count; i++) {
    const [expected, found] = [straight.lines[i] ?? '(nothing)', front.lines[i] ?? '(nothing)']
    if (expected !== found)
      differences.push(`line ${i + 1}\n      server  ${expected}\n      front   ${found}`)
  }
  for (const [i, locks] of straight.locks.entries()) {
    const found = front.locks[i] ?? ['(no checkpoint)']
    if (locks.join() !== found.join())
      differences.push(`locks ${i + 1}\n      server  ${locks.join(', ')}\n      front   ${found.join(', ')}`)
  }
  return differences
}
