import { shellWord } from '../../base/printable.js'
import type { DoctorFacts, ServerRow } from './doctor-facts.js'

/** Commands that the doctor advises. They are complete, except for passwords and names that only the user knows. */

type Server = Pick<ServerRow, 'role' | 'database'>

/** What the owner of the database should run for this role. */
export function installAdvice({ role, database }: Server, address: DoctorFacts['address']): string {
  const url = addressOf('OWNER', database, address)
  return `Run as the owner: lockpool install --role ${shellWord(role)} --url ${url}.`
}

/** A command for the same database: with its address if the doctor got it from the command line. */
export function sameDatabase(
  words: readonly string[],
  { role, database }: Server,
  { address, source }: Pick<DoctorFacts, 'address' | 'source'>,
): string {
  const url = source === '--url' ? ['--url', addressOf(role, database, address)] : []
  return ['lockpool', ...words.map(shellWord), ...url].join(' ')
}

/** As a word for a shell, without a password. */
function addressOf(role: string, database: string, { host, port }: DoctorFacts['address']): string {
  const [user, name] = [encodeURIComponent(role), encodeURIComponent(database)]
  const at = host.includes(':') ? `[${host}]` : host
  return shellWord(
    host.startsWith('/')
      ? `postgres:///${name}?host=${encodeURIComponent(host)}&port=${port}&user=${user}`
      : `postgres://${user}@${at}:${port}/${name}`,
  )
}
