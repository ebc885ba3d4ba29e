import type { EmbeddedPostgres } from '../../src/embedded/index.js'

/** Messages about the server itself, and about clients that disconnect without a final message. */
const OF_ITSELF =
  /^(starting PostgreSQL|listening on|database system|checkpoint|received|aborting any|shutting down|background worker|could not (send|receive) data|unexpected EOF|connection to client lost)/

/** The lines that statements have caused in a server's log, without their times. */
export async function complaints(server: EmbeddedPostgres): Promise<string[]> {
  return (await server.log())
    .split('\n')
    .map((line) => /\b(WARNING|ERROR|FATAL|PANIC|LOG|STATEMENT):\s+(.*)/.exec(line))
    .filter((match) => match !== null && !(match[1] === 'LOG' && OF_ITSELF.test(match[2]!)))
    .map((match) => `${match![1]}: ${match![2]}`)
}
