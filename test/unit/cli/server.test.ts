import { expect, test } from 'vitest'
import { InvariantError } from '../../../src/base/assert.js'
import { ConnectionError, InvalidOptionError } from '../../../src/base/errors.js'
import { explainFailure } from '../../../src/cli/server.js'
import type { Terminal } from '../../../src/cli/terminal.js'
import { EmbeddedPostgresError } from '../../../src/embedded/embedded-postgres-error.js'
import { rejection } from '../../support/fake-world.js'

async function told(error: unknown): Promise<[code: number, text: string]> {
  let text = ''
  const err = { isTerminal: false, write: (more: string) => void (text += more), paint: () => '' }
  const code = await explainFailure(error, { err } as Partial<Terminal> as Terminal)
  return [code, text]
}

const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code })
const UNUSABLE = 'lockpool: the database cannot be used: '

test.each([
  ['no answer', new ConnectionError('no answer'), 69, `${UNUSABLE}no answer\n`],
  ['the driver', withCode('ECONNREFUSED', 'connect ECONNREFUSED'), 69, `${UNUSABLE}connect ECONNREFUSED\n`],
  ['the server', withCode('28P01', 'wrong password'), 69, `${UNUSABLE}wrong password (28P01)\n`],
  [
    'several addresses',
    new AggregateError([withCode('E1', 'one'), withCode('E2', 'two')]),
    69,
    `${UNUSABLE}one; two\n`,
  ],
  ['another process of ours', withCode('FENCING_UNAVAILABLE', 'no tokens'), 78, `${UNUSABLE}no tokens\n`],
  ['a setting', new InvalidOptionError(['--url must be one']), 78, 'lockpool: --url must be one\n'],
  [
    'a server of our own',
    new EmbeddedPostgresError('PORT_IN_USE', 'port 1 is in use'),
    69,
    'lockpool: port 1 is in use\n',
  ],
])('%s is reported in one line, with its exit code', async (_, error, code, text) => {
  expect(await told(error)).toEqual([code, text])
})

test.each([new InvariantError('never'), new TypeError('x is not a function')])(
  'a mistake of ours is not explained away: %s',
  async (error) => {
    expect(await rejection(told(error))).toBe(error)
  },
)
