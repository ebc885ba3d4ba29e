import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { systemClock, sleep } from '../base/clock.js'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'
import type { SettingValue } from './embedded-postgres-options.js'
import { isFree, LOOPBACK } from './free-port.js'
import type { Guard, GuardedProgram } from './guard.js'
import type { Installation } from './installation.js'
import type { SystemAccount } from './system-account.js'

/** All data that is needed to start the server, for the first time or again. */
export interface ServerPlan {
  readonly installation: Installation
  readonly account: SystemAccount | null
  readonly dataFolder: string
  readonly logFile: string
  readonly port: number
  readonly durable: boolean
  readonly settings: Readonly<Record<string, SettingValue>>
}

export function runServer(guard: Guard, plan: ServerPlan): GuardedProgram {
  const settings: Record<string, SettingValue> = {
    unix_socket_directories: '',
    // Does not turn synchronous_commit off: then a crash of the server alone would lose commits.
    ...(plan.durable ? {} : { fsync: false, full_page_writes: false }),
    ...plan.settings,
    listen_addresses: LOOPBACK,
    port: plan.port,
  }
  return guard.run({
    file: plan.installation.postgres,
    arguments: [
      '-D',
      plan.dataFolder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    environment: plan.installation.environment,
    workingDirectory: plan.dataFolder,
    outputFile: plan.logFile,
    account: plan.account,
  })
}

const POLL_MS = 10

/**
 * Resolves when the server reports that it is ready, and accepts connections.
 *
 * @throws {EmbeddedPostgresError} `START_FAILED`, `PORT_IN_USE` or `START_TIMED_OUT`, with the end of the log.
 */
export async function untilReady(server: GuardedProgram, plan: ServerPlan, deadline: number): Promise<void> {
  while (!(await isReady(server, plan))) {
    if (server.end !== null) throw await startFailure(server.end.how, plan)
    if (systemClock.now() > deadline) {
      const message = 'PostgreSQL was not ready in time (startTimeoutMs)'
      throw new EmbeddedPostgresError('START_TIMED_OUT', message, { output: await readLog(plan) })
    }
    await sleep(systemClock, POLL_MS)
  }
}

/** Empty if there is no log: the server was never started, or its folder is gone. */
export function readLog(plan: ServerPlan): Promise<string> {
  return readFile(plan.logFile, 'utf8').catch(() => '')
}

/**
 * The server writes its state in the eighth line of its lock file. The file may still be that of the server before.
 * https://www.postgresql.org/docs/current/storage-file-layout.html
 */
async function isReady(server: GuardedProgram, plan: ServerPlan): Promise<boolean> {
  const lockFile = await readFile(join(plan.dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = lockFile.split('\n')
  const isItsOwn = server.processId !== null && Number(lines[0]) === server.processId
  return isItsOwn && lines[7]?.trim() === 'ready' && (await accepts(plan.port))
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK)
    const settle = (isAccepted: boolean): void => {
      socket.destroy()
      resolve(isAccepted)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

async function startFailure(how: string, plan: ServerPlan): Promise<EmbeddedPostgresError> {
  const output = await readLog(plan)
  return (await isFree(plan.port))
    ? new EmbeddedPostgresError('START_FAILED', `PostgreSQL did not start (${how})`, { output })
    : new EmbeddedPostgresError('PORT_IN_USE', `port ${plan.port} on ${LOOPBACK} is in use`, { output })
}
