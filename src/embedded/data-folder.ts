import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../base/clock.js'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'
import type { Guard } from './guard.js'
import { installCopy, installInPlace, type Installation } from './installation.js'
import { settlesWithin } from './settles-within.js'
import type { SystemAccount } from './system-account.js'

export const SUPERUSER = 'postgres'

/** The path of the data folder to create, and the program that creates it. */
export interface DataFolderPlan {
  readonly packageFolder: string
  /** Not owned by `account`: root writes here, and must not follow a link that another user has created. */
  readonly directory: string
  readonly account: SystemAccount | null
  readonly password: string
  /** A time on the system clock. */
  readonly deadline: number
}

/**
 * Makes the data folder, and finds the place from which the programs can run.
 *
 * @throws {EmbeddedPostgresError} `INITDB_FAILED` or `START_TIMED_OUT`.
 */
export async function makeDataFolder(
  guard: Guard,
  plan: DataFolderPlan,
): Promise<{ readonly dataFolder: string; readonly installation: Installation }> {
  const { packageFolder, directory, account } = plan
  const dataFolder = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  await mkdir(dataFolder, { mode: 0o700 })
  await writeFile(passwordFile, plan.password, { mode: 0o600 })
  if (account !== null) {
    for (const path of [dataFolder, passwordFile]) await chown(path, account.userId, account.groupId)
  }
  let installation = await installInPlace(packageFolder, directory, account)
  let problem = await initialize(guard, plan, installation, dataFolder, passwordFile)
  if (problem !== null && account !== null && problem.isForbidden) {
    // The checkout is under /root, or there is a strict umask. Only an attempt shows it, because file modes are not enough.
    installation = await installCopy(packageFolder, directory, account)
    problem = await initialize(guard, plan, installation, dataFolder, passwordFile)
  }
  if (problem !== null) throw problem.error
  await rm(passwordFile)
  return { dataFolder, installation }
}

interface Problem {
  readonly error: EmbeddedPostgresError
  /** Whether the error looks like missing permissions. */
  readonly isForbidden: boolean
}

async function initialize(
  guard: Guard,
  plan: DataFolderPlan,
  installation: Installation,
  dataFolder: string,
  passwordFile: string,
): Promise<Problem | null> {
  const outputFile = join(plan.directory, 'initdb.log')
  const initdb = guard.run({
    file: installation.initdb,
    arguments: [
      `--pgdata=${dataFolder}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // The data is temporary, so initdb need not flush it. This does not affect what the server does later.
      '--no-sync',
      '--no-instructions',
    ],
    environment: installation.environment,
    workingDirectory: dataFolder,
    outputFile,
    account: plan.account,
  })
  const isInTime = await settlesWithin(initdb.ended, plan.deadline - systemClock.now())
  if (initdb.end?.isSuccess) return null
  const output = await readFile(outputFile, 'utf8').catch(() => '')
  if (!isInTime) {
    const message = 'initdb was not done in time (startTimeoutMs)'
    throw new EmbeddedPostgresError('START_TIMED_OUT', message, { output })
  }
  const { how } = await initdb.ended
  // If the file exists and ENOENT comes all the same, its loader is missing.
  const hint = how.includes('ENOENT') ? '; the binaries need glibc, which Alpine Linux does not have' : ''
  return {
    error: new EmbeddedPostgresError('INITDB_FAILED', `initdb failed (${how}${hint})`, { output }),
    isForbidden: how.includes('EACCES') || output.includes('Permission denied'),
  }
}
