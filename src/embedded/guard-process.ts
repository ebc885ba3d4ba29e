/**
 * The guard, a separate process. It runs the server. It outlives its owner only until it has ended the server and removed the
 * folder. The end of its channel shows the end of the owner, however sudden. The guard leads its own session, so it does not
 * get the Ctrl-C for other processes and needs no signal handler.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { systemClock } from '../base/clock.js'
import type { GuardReport, GuardRequest, ProgramEnd, ProgramRequest } from './guard-messages.js'

/** A little more than the 5 s after which a server that quits kills its remaining processes. */
const KILL_AFTER_MS = 7000

/** How long to wait for processes that a program has started and that outlive it. After that the program counts as ended. */
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
      // No process writes to the fourth stream, but all processes that the program starts inherit it. It ends with the last
      // of them.
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

/** A killed server leaves processes for a moment. While they use its shared memory, the next server cannot start. */
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

/** Does not send SIGKILL first, because the server would leave shared memory. */
function end(): void {
  if (isEnding) return
  isEnding = true
  if (running === null) return void leave()
  running.kill('SIGQUIT')
  const cancel = systemClock.after(KILL_AFTER_MS, () => running?.kill('SIGKILL'))
  running.once('exit', cancel)
}

async function leave(): Promise<void> {
  // Processes of the server may write for a moment after the server has ended.
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  if (process.connected) process.disconnect()
}

process.on('message', obey)
process.on('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
// The parent may have disconnected before the listener was added.
if (!process.connected) end()
