import type { EmbeddedPostgres } from '../../src/embedded/index.js'

/** What a server says of its own life, and of clients that go without a word. */
const OF_ITSELF =
  /^(starting PostgreSQL|listening on|database system|checkpoint|received|aborting any|shutting down|background worker|could not (send|receive) data|unexpected EOF|connection to client lost)/

/** The lines of a server's log that statements have caused, without their times. */
export async function complaints(server: EmbeddedPostgres): Promise<string[]> {
  return (await server.log())
    .split('\n')
    .map((line) => /\b(WARNING|ERROR|FATAL|PANIC|LOG|STATEMENT):\s+(.*)/.exec(line))
    .filter((match) => match !== null && !(match[1] === 'LOG' && OF_ITSELF.test(match[2]!)))
    .map((match) => `${match![1]}: ${match![2]}`)
}
