import { createHmac, randomBytes } from 'node:crypto'
import { makeVerifier, parseVerifier, type ScramVerifier } from './scram.js'

/** The file has an error: none of its users can log in. */
export class UsersFileError extends Error {
  static {
    this.prototype.name = 'UsersFileError'
  }
}

/** The data that checks the password of a client. */
export interface Credentials {
  /** For an unknown name, a verifier that no password matches. */
  readonly verifier: ScramVerifier
  readonly isKnown: boolean
}

/** Looks up the secret of a user: a password, or a SCRAM verifier. Null if there is no such user. */
export type SecretOf = (name: string) => Promise<string | null>

const IS_MD5 = /^md5[0-9a-f]{32}$/

const LINE = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/

/**
 * Reads a file in the form of PgBouncer's `auth_file`: a line `"name" "secret"` for each user. A secret is a password or a
 * SCRAM verifier. Empty lines, and lines that begin with `;` or `#`, are ignored.
 *
 * @throws {UsersFileError}
 */
export async function readUsers(content: string): Promise<ReadonlyMap<string, ScramVerifier>> {
  const verifiers = new Map<string, ScramVerifier>()
  for (const [index, line] of content.split('\n').entries()) {
    if (/^\s*(?:[;#].*)?$/.test(line)) continue
    const parts = LINE.exec(line)
    if (parts === null) throw new UsersFileError(`line ${index + 1} is not "name" "password"`)
    const [name, secret] = [unquoted(parts[1]!), unquoted(parts[2]!)]
    verifiers.set(name, await verifierOf(name, secret, index + 1))
  }
  if (verifiers.size === 0) throw new UsersFileError('there is no user in it')
  return verifiers
}

async function verifierOf(name: string, secret: string, line: number): Promise<ScramVerifier> {
  if (name === '' || secret === '') throw new UsersFileError(`line ${line} has an empty name or password`)
  if (IS_MD5.test(secret))
    throw new UsersFileError(`line ${line} has an MD5 hash, which can't be used for SCRAM-SHA-256`)
  if (!secret.startsWith('SCRAM-SHA-256$')) return makeVerifier(secret)
  const verifier = parseVerifier(secret)
  if (verifier === null) throw new UsersFileError(`line ${line} has a SCRAM verifier that is not whole`)
  return verifier
}

function unquoted(text: string): string {
  return text.replaceAll('""', '"')
}

/** The users who may log in: those of a file, and those of a lookup. */
export class Users {
  readonly #verifiers: ReadonlyMap<string, ScramVerifier>
  readonly #secretOf: SecretOf | null
  readonly #secret = randomBytes(32)
  readonly #iterations: number

  constructor(verifiers: ReadonlyMap<string, ScramVerifier>, secretOf: SecretOf | null = null) {
    this.#verifiers = verifiers
    this.#secretOf = secretOf
    const [first] = verifiers.values()
    this.#iterations = first?.iterations ?? USUAL_ITERATIONS
  }

  /** @throws the error of the lookup */
  async find(name: string): Promise<Credentials> {
    const verifier = this.#verifiers.get(name) ?? (await this.#findElsewhere(name))
    return { verifier: verifier ?? this.#mock(name), isKnown: verifier !== null }
  }

  /** Only a password or a verifier makes a user: an MD5 hash cannot check a client that uses SCRAM. */
  async #findElsewhere(name: string): Promise<ScramVerifier | null> {
    const secret = (await this.#secretOf?.(name)) ?? ''
    if (secret === '' || IS_MD5.test(secret)) return null
    return secret.startsWith('SCRAM-SHA-256$') ? parseVerifier(secret) : makeVerifier(secret)
  }

  /** The same unknown name gets the same salt each time. Otherwise an attacker could see that the user does not exist. */
  #mock(name: string): ScramVerifier {
    const derive = (what: string): Buffer =>
      createHmac('sha256', this.#secret).update(`${what} ${name}`).digest()
    return {
      iterations: this.#iterations,
      salt: derive('salt').subarray(0, 16),
      storedKey: derive('stored'),
      serverKey: derive('server'),
    }
  }
}

/** PostgreSQL's default. */
const USUAL_ITERATIONS = 4096
