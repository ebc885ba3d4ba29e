import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** Proves a password without containing it, in the form in which PostgreSQL stores it in `pg_authid`. */
export interface ScramVerifier {
  readonly iterations: number
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

const VERIFIER = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/

/** PostgreSQL's default, and the minimum of RFC 7677. */
const ITERATIONS = 4096

const KEY_BYTES = 32

const stretch = promisify(pbkdf2)

/** Null if the text is no verifier, but a password. */
export function parseVerifier(text: string): ScramVerifier | null {
  const parts = VERIFIER.exec(text)
  if (parts === null) return null
  const [, iterations, salt, storedKey, serverKey] = parts
  const verifier = {
    iterations: Number(iterations),
    salt: Buffer.from(salt!, 'base64'),
    storedKey: Buffer.from(storedKey!, 'base64'),
    serverKey: Buffer.from(serverKey!, 'base64'),
  }
  const isWhole = verifier.storedKey.length === KEY_BYTES && verifier.serverKey.length === KEY_BYTES
  return isWhole && verifier.iterations > 0 && verifier.salt.length > 0 ? verifier : null
}

/** Takes some milliseconds, on another thread. */
export async function makeVerifier(
  password: string,
  salt: Buffer = randomBytes(16),
  iterations: number = ITERATIONS,
): Promise<ScramVerifier> {
  const salted = await stretch(prepared(password), salt, iterations, KEY_BYTES, 'sha256')
  return {
    iterations,
    salt,
    storedKey: sha256(hmac(salted, 'Client Key')),
    serverKey: hmac(salted, 'Server Key'),
  }
}

/** As in PostgreSQL, a password that SASLprep refuses is used unchanged. For usual passwords SASLprep is the same as NFKC. */
function prepared(password: string): string {
  return password.replaceAll(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu, ' ').normalize('NFKC')
}

/**
 * The server's side of one SCRAM-SHA-256 exchange (RFC 5802), without channel binding. For an unknown user it does the same,
 * with a verifier that no password matches.
 */
export class ScramExchange {
  readonly #verifier: ScramVerifier
  readonly #serverNonce: string
  #clientFirstBare = ''
  #serverFirst = ''
  #gs2Header = ''
  #nonce = ''

  constructor(verifier: ScramVerifier, serverNonce: string = randomBytes(18).toString('base64')) {
    this.#verifier = verifier
    this.#serverNonce = serverNonce
  }

  /** The answer to the client's first message; null if that message is malformed. */
  first(message: string): string | null {
    const parts = /^([ny],(?:a=[^,]*)?,)((?:n=[^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(message)
    if (parts === null) return null
    const [, gs2Header, bare, clientNonce] = parts
    this.#gs2Header = gs2Header!
    this.#clientFirstBare = bare!
    this.#nonce = `${clientNonce}${this.#serverNonce}`
    const { salt, iterations } = this.#verifier
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`
    return this.#serverFirst
  }

  /** The server's proof, if the client's proof is right; otherwise null. */
  final(message: string): string | null {
    const parts = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s.exec(
      message,
    )
    if (parts === null) return null
    const [, withoutProof, binding, nonce, proofText] = parts
    const isBound = Buffer.from(binding!, 'base64').toString() === this.#gs2Header
    if (!isBound || nonce !== this.#nonce) return null
    const proof = Buffer.from(proofText!, 'base64')
    if (proof.length !== KEY_BYTES) return null
    const said = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`
    const signature = hmac(this.#verifier.storedKey, said)
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ signature[index]!))
    if (!timingSafeEqual(sha256(clientKey), this.#verifier.storedKey)) return null
    return `v=${hmac(this.#verifier.serverKey, said).toString('base64')}`
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
