import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { StartupRules } from '../../serve/startup/connection.js'
import { readUsers, Users, type SecretOf } from '../../serve/startup/users.js'
import type { ServeOrder } from './serve-order.js'

/** A file or a statement that was named on the command line can't be used. */
export class BadFileError extends Error {
  static {
    this.prototype.name = 'BadFileError'
  }
}

/** Reads the users and the certificate. @throws {BadFileError} */
export async function readRules(order: ServeOrder, secretOf: SecretOf | null): Promise<StartupRules> {
  const { usersFile, tls, loginTimeoutMs } = order
  const isTrusting = usersFile === null && secretOf === null
  const users = isTrusting
    ? null
    : new Users(usersFile === null ? new Map() : await usersIn(usersFile), secretOf)
  if (tls === null) return { users, secureContext: null, loginTimeoutMs }
  const [cert, key] = await Promise.all([textOf(tls.certFile), textOf(tls.keyFile)])
  try {
    return { users, secureContext: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }), loginTimeoutMs }
  } catch (error) {
    throw new BadFileError(`${tls.certFile} and ${tls.keyFile}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function usersIn(file: string): ReturnType<typeof readUsers> {
  const content = await textOf(file)
  try {
    return await readUsers(content)
  } catch (error) {
    throw new BadFileError(`${file}: ${(error as Error).message}`, { cause: error })
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new BadFileError((error as Error).message, { cause: error })
  }
}
