/**
 * Whether one token is greater than another. Both are decimal digits in the form of the server. They are not converted
 * to numbers, because this runs for every batch.
 */
export function isGreaterToken(token: string, than: string): boolean {
  if (token.length !== than.length) return token.length > than.length && token[0] !== '-'
  return token > than
}

/**
 * The largest token that any lock session of a pool has received. No caller in this process gets a smaller one later,
 * whatever happens to the server or to the schema.
 */
export class SeenTokens {
  greatest = '0'

  saw(token: string): void {
    if (isGreaterToken(token, this.greatest)) this.greatest = token
  }
}
