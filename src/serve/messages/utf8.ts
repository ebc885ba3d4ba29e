import { SqlError } from './sql-error.js'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {SqlError} 22021 if the bytes are not UTF-8: the server would read them differently */
export function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  // U+FFFD replaces invalid bytes, or was in the text before.
  if (!text.includes('\ufffd')) return text
  try {
    return strict.decode(bytes)
  } catch (error) {
    throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8"', { cause: error })
  }
}
