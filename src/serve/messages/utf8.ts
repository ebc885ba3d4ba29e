import { SqlError } from './sql-error.js'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {SqlError} 22021: what is no UTF-8 must not be read as something else than the server would read */
export function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  // Only what can't be read becomes U+FFFD, or what was U+FFFD before.
  if (!text.includes('\ufffd')) return text
  try {
    return strict.decode(bytes)
  } catch (error) {
    throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8"', { cause: error })
  }
}
