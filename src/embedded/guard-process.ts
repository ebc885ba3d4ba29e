/**
 * The guard, a separate process. It runs the server, and outlives its owner by just as long as it takes to
 * end the server and to remove the folder. It learns of a death, however sudden, by the end of its channel; being the
 * leader of its own session, it does not get the Ctrl-C that is meant for others. So no signal handler is needed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { systemClock } from '../base/clock.js'
import type { GuardReport, GuardRequest, ProgramEnd, ProgramRequest } from './guard-messages.js'

/** A little more than the 5 s after which a quitting server kills those of its processes that do not end. */
const KILL_AFTER_MS = 7000

/** How long what a program has started may outlive it before it counts as ended all the same. */
const LINGER_MS = 5000

const directory = process.argv[2]!
let running: ChildProcess | null = null
let isEnding = false

function report(message: GuardReport): void {
  // If the owner has gone, the channel ends, and the guard notices that too.
  process.send?.(message, () => undefined)
}

function ended(end: ProgramEnd): void {
  running = null
  report({ is: 'ended', end })
  if (isEnding) void leave()
}

function run(program: ProgramRequest): void {
  const output = openSync(program.outputFile, 'a')
  try {
    const child = spawn(program.file, program.arguments, {
      cwd: program.workingDirectory,
      env: program.environment,
      // Nothing is written to the fourth, but everything that the program starts inherits it: its end is the end of the last one.
      stdio: ['ignore', output, output, 'pipe'],
      windowsHide: true,
      ...(program.account === null ? {} : { uid: program.account.userId, gid: program.account.groupId }),
    })
    running = child
    child.once('spawn', () => report({ is: 'running', processId: child.pid! }))
    child.once('error', (error) => ended({ isSuccess: false, how: error.message }))
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `ended by ${signal}`
      whenAlone(child, () => ended({ isSuccess: code === 0, how }))
    })
  } finally {
    closeSync(output)
  }
}

/**
 * A server that was killed leaves processes behind, for a moment, and as long as they have its memory the next server
 * does not start.
 */
function whenAlone(child: ChildProcess, action: () => void): void {
  const act = (): void => {
    cancel()
    child.off('close', act)
    child.stdio[3]?.destroy()
    action()
  }
  const cancel = systemClock.after(LINGER_MS, act)
  child.once('close', act)
}

function obey(request: GuardRequest): void {
  if (isEnding) return
  if (request.do === 'signal') return void running?.kill(request.signal)
  try {
    run(request.program)
  } catch (error) {
    ended({ isSuccess: false, how: (error as Error).message })
  }
}

/** Not SIGKILL at first: the server would leave shared memory behind. */
function end(): void {
  if (isEnding) return
  isEnding = true
  if (running === null) return void leave()
  running.kill('SIGQUIT')
  const cancel = systemClock.after(KILL_AFTER_MS, () => running?.kill('SIGKILL'))
  running.once('exit', cancel)
}

async function leave(): Promise<void> {
  // What the server started may write for a moment longer than the server lives.
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  if (process.connected) process.disconnect()
}

process.on('message', obey)
process.on('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
// The parent may have disconnected before the listener was added.
if (!process.connected) end()
