import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** What a sealed message has at most, in characters: a notification carries 7999 bytes, and its head takes some. */
const LONGEST_SEALED = 7960

/** The longest message that can be sealed, in bytes. */
export const LONGEST_MESSAGE: number = ((LONGEST_SEALED * 3) >> 2) - NONCE_BYTES - TAG_BYTES

/** What only those can make, and read, who know `secret`. `place` is where it counts: a message of another place is none. */
export class Seal {
  readonly #key: Buffer
  readonly #place: Buffer

  constructor(secret: Buffer, place: string) {
    this.#key = derive(secret, 'lockpool messages 1', place)
    this.#place = Buffer.from(place)
  }

  /** ASCII; null if the message is too long. */
  close(message: string): string | null {
    const text = Buffer.from(message)
    if (text.length > LONGEST_MESSAGE) return null
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(this.#place)
    const parts = [nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]
    return Buffer.concat(parts).toString('base64url')
  }

  /** Null if it was not made with this secret for this place, or is not whole. */
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

/** The name of a channel that only those can know who know the secret. */
export function secretName(secret: Buffer, place: string): string {
  return derive(secret, 'lockpool channel 1', place).toString('hex').slice(0, 32)
}

function derive(secret: Buffer, purpose: string, place: string): Buffer {
  return createHmac('sha256', secret).update(`${purpose}\0${place}`).digest()
}
