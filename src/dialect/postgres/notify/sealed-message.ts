import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * The maximum length of a sealed message, in characters: a notification has room for 7999 bytes, including its head.
 */
const LONGEST_SEALED = 7960

/** The longest message that can be sealed, in bytes. */
export const LONGEST_MESSAGE: number = ((LONGEST_SEALED * 3) >> 2) - NONCE_BYTES - TAG_BYTES

/**
 * Encrypts and authenticates messages with a key that only owners of `secret` have. `place` is authenticated too: a
 * message from another place does not open.
 */
export class Seal {
  readonly #key: Buffer
  readonly #place: Buffer

  constructor(secret: Buffer, place: string) {
    this.#key = derive(secret, 'lockpool messages 1', place)
    this.#place = Buffer.from(place)
  }

  /** Returns ASCII text, or null if the message is too long. */
  close(message: string): string | null {
    const text = Buffer.from(message)
    if (text.length > LONGEST_MESSAGE) return null
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(this.#place)
    const parts = [nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]
    return Buffer.concat(parts).toString('base64url')
  }

  /** Returns null if the message was not sealed with this secret for this place, or was damaged. */
  open(sealed: string): string | null {
    if (sealed.length > LONGEST_SEALED) return null
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(this.#place)
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([text, decipher.final()]).toString()
    } catch {
      return null
    }
  }
}

/** The name of a channel that only owners of the secret can compute. */
export function secretName(secret: Buffer, place: string): string {
  return derive(secret, 'lockpool channel 1', place).toString('hex').slice(0, 32)
}

function derive(secret: Buffer, purpose: string, place: string): Buffer {
  return createHmac('sha256', secret).update(`${purpose}\0${place}`).digest()
}
