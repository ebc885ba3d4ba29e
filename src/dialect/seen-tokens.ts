/**
 * Whether one token is greater than another, both in decimal digits as the server writes them: no number is made of them,
 * because this is asked for every batch.
 */
export function isGreaterToken(token: string, than: string): boolean {
  if (token.length !== than.length) return token.length > than.length && token[0] !== '-'
  return token > than
}

/**
 * The greatest token that any lock session of a pool has been given. Whatever becomes of the server or the schema, nobody in
 * this process is given a smaller one later.
 */
export class SeenTokens {
  greatest = '0'

  saw(token: string): void {
    if (isGreaterToken(token, this.greatest)) this.greatest = token
  }
}
