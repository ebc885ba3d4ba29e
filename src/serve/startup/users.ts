import { createHmac, randomBytes } from 'node:crypto'
import { makeVerifier, parseVerifier, type ScramVerifier } from './scram.js'

/** Something in the file is wrong: no user of it is taken. */
export class UsersFileError extends Error {
  static {
    this.prototype.name = 'UsersFileError'
  }
}

/** Who may log in. */
export interface Users {
  /** What to check the password of this name with: for a name that is not known, one that nothing fits. */
  verifier(name: string): ScramVerifier
  has(name: string): boolean
  readonly size: number
}

const LINE = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/

/**
 * Reads a file in the form of PgBouncer's `auth_file`: a line `"name" "secret"` for each user, where a secret is a password
 * or a SCRAM verifier. Lines that begin with `;` or `#`, and empty ones, mean nothing.
 *
 * @throws {UsersFileError}
 */
export async function readUsers(content: string): Promise<Users> {
  const verifiers = new Map<string, ScramVerifier>()
  for (const [index, line] of content.split('\n').entries()) {
    if (/^\s*(?:[;#].*)?$/.test(line)) continue
    const parts = LINE.exec(line)
    if (parts === null) throw new UsersFileError(`line ${index + 1} is not "name" "password"`)
    const [name, secret] = [unquoted(parts[1]!), unquoted(parts[2]!)]
    verifiers.set(name, await verifierOf(name, secret, index + 1))
  }
  if (verifiers.size === 0) throw new UsersFileError('there is no user in it')
  return new KnownUsers(verifiers)
}

async function verifierOf(name: string, secret: string, line: number): Promise<ScramVerifier> {
  if (name === '' || secret === '') throw new UsersFileError(`line ${line} has an empty name or password`)
  if (/^md5[0-9a-f]{32}$/.test(secret))
    throw new UsersFileError(`line ${line} has an MD5 hash, which can't be used for SCRAM-SHA-256`)
  if (!secret.startsWith('SCRAM-SHA-256$')) return makeVerifier(secret)
  const verifier = parseVerifier(secret)
  if (verifier === null) throw new UsersFileError(`line ${line} has a SCRAM verifier that is not whole`)
  return verifier
}

function unquoted(text: string): string {
  return text.replaceAll('""', '"')
}

class KnownUsers implements Users {
  readonly #verifiers: ReadonlyMap<string, ScramVerifier>
  readonly #secret = randomBytes(32)
  readonly #iterations: number

  constructor(verifiers: ReadonlyMap<string, ScramVerifier>) {
    this.#verifiers = verifiers
    this.#iterations = verifiers.values().next().value!.iterations
  }

  get size(): number {
    return this.#verifiers.size
  }

  has(name: string): boolean {
    return this.#verifiers.has(name)
  }

  verifier(name: string): ScramVerifier {
    return this.#verifiers.get(name) ?? this.#mock(name)
  }

  /** The same name gets the same salt each time, or an attacker could see that it does not exist. */
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
