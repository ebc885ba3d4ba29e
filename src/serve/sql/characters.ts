/** The character classes of PostgreSQL's scanner (`scan.l`). Every character beyond ASCII is part of a name. */

const setOf = (characters: string): readonly boolean[] =>
  Array.from({ length: 128 }, (_, code) => characters.includes(String.fromCharCode(code)))

const SPACES = setOf(' \t\n\r\f\v')
const OPERATOR_CHARACTERS = setOf('~!@#^&|`?+-*/%<>=')

export const isSpace = (code: number): boolean => code < 128 && SPACES[code]!

export const isNewline = (code: number): boolean => code === 10 || code === 13

export const isDigit = (code: number): boolean => code >= 48 && code <= 57

export const isNameStart = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code >= 128

export const isNamePart = (code: number): boolean => isNameStart(code) || isDigit(code) || code === 36

export const isOperatorCharacter = (code: number): boolean => code < 128 && OPERATOR_CHARACTERS[code]!

/** Folds a name as PostgreSQL does in a database in UTF-8: only ASCII letters. */
export const foldCase = (name: string): string =>
  name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
