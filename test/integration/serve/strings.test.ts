import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { scan } from '../../../src/serve/sql/scan.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

let client: pg.Client

beforeAll(async () => {
  client = new pg.Client(inject('serverUrl'))
  await client.connect()
  await client.query('SET escape_string_warning = off')
})

afterAll(() => client.end())

const PIECES = [
  "'",
  "''",
  '\\',
  "\\'",
  '\\\\',
  '\\n',
  '\\x41',
  '\\101',
  '\\u00e9',
  '\\0041',
  '\\+000041',
  '"',
  '$$',
  '$a$',
  '--',
  '/*',
  '*/',
  '\n',
  ' ',
  'a',
  "' \n '",
  "' -- x\n '",
  "' /* x */ \n '",
  ';',
  'é',
]

/** A random text that begins like a string literal, and may be a valid one. */
function randomString(random: SeededRandom): string {
  const begin = random.pick(["'", "'", "'", "E'", "e'", "U&'", "N'", '$$', '$a$'])
  const inner = Array.from({ length: random.below(8) }, () => random.pick(PIECES)).join('')
  return `${begin}${inner}${begin.startsWith('$') ? begin : "'"}`
}

/** The names of columns without an alias. The column of `N'x'` has the name of its type. */
const NAMELESS = new Set(['?column?', 'bpchar'])

/** The string that the server reads, or null if the text is not exactly one string literal. */
async function byServer(text: string): Promise<string | null> {
  try {
    const { rows, fields } = await client.query<unknown[]>({ text: `SELECT ${text}\n`, rowMode: 'array' })
    const isOne = rows.length === 1 && fields.length === 1 && NAMELESS.has(fields[0]!.name)
    return isOne ? String(rows[0]![0]) : null
  } catch {
    return null
  }
}

/** The string that the scanner reads, or null if the text is not exactly one string literal. */
function byScanner(text: string, standardStrings: boolean): string | null {
  const { tokens } = scan(`SELECT ${text}\n`, standardStrings)
  const strings = tokens.slice(1).filter(({ type, value }) => !(type === 'word' && value === 'n'))
  return strings.length === 1 && strings[0]!.type === 'string' ? strings[0]!.value : null
}

test.each([true, false])(
  'with standard_conforming_strings = %s strings are read as the server reads them',
  async (standardStrings) => {
    await client.query(`SET standard_conforming_strings = ${standardStrings ? 'on' : 'off'}`)
    const random = new SeededRandom(standardStrings ? 1 : 2)
    let read = 0
    for (let i = 0; i < 1500; i++) {
      const text = randomString(random)
      const expected = await byServer(text)
      if (expected !== null) read++
      expect({ text, value: byScanner(text, standardStrings) }).toEqual({ text, value: expected })
    }
    expect(read).toBeGreaterThan(200)
  },
)
