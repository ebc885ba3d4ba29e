import { expect, test } from 'vitest'
import { listFlag, parseFlags, textFlag, toggle } from '../../../src/cli/flags.js'
import { UsageError } from '../../../src/cli/usage-error.js'

const TABLE = {
  force: toggle({ short: 'f', meaning: 'whatever' }),
  each: listFlag('NAME', { meaning: 'one of several' }),
  color: textFlag('NAME', { short: 'c', meaning: 'which' }),
  count: {
    value: 'N',
    meaning: 'how many',
    expects: 'a number',
    read: (text: string) => (/^-?\d+$/.test(text) ? Number(text) : null),
  },
}

test.each([
  [[], {}, []],
  [['-f'], { force: true }, []],
  [['--color', 'red'], { color: 'red' }, []],
  [['--color=red'], { color: 'red' }, []],
  [['-c', 'red'], { color: 'red' }, []],
  [['-cred'], { color: 'red' }, []],
  [['-fcred'], { force: true, color: 'red' }, []],
  [['--color=--force'], { color: '--force' }, []],
  [['a', '-f', 'b'], { force: true }, ['a', 'b']],
  [['--color', 'red', '--color', 'blue'], { color: 'blue' }, []],
  [['--each', 'a', 'b', '--each=c'], { each: ['a', 'c'] }, ['b']],
  [['--count', '-5'], { count: -5 }, []],
  [['-5', '-12,-34', '-f'], { force: true }, ['-5', '-12,-34']],
  [['-', ''], {}, ['-', '']],
])('%j is understood', (argv, flags, args) => {
  expect(parseFlags(TABLE, argv)).toEqual({ flags, args })
})

test.each([
  [['--colour', 'red'], 'unknown flag --colour; did you mean --color?'],
  [['--froce'], 'unknown flag --froce; did you mean --force?'],
  [['--zebra'], 'unknown flag --zebra'],
  [['-x'], 'unknown flag -x'],
  [['--__proto__'], 'unknown flag --__proto__'],
  [['--toString=x'], 'unknown flag --toString'],
  [['--color'], '--color needs a value: a value that is not empty'],
  [['--color', '--force'], '--color needs a value: a value that is not empty'],
  [['--color='], '--color must be a value that is not empty, not ""'],
  [['--force=yes'], '--force takes no value'],
  [['--count', 'many'], '--count must be a number, not "many"'],
  [['--count', '1', '--count', 'many'], '--count must be a number, not "many"'],
])('%j is refused, with words', (argv, message) => {
  expect(() => parseFlags(TABLE, argv)).toThrow(new UsageError(message))
})
