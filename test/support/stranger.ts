import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A role that may connect, and has no rights on anything of lockpool. */
export interface Stranger extends AsyncDisposable {
  /** Opens a connection to the database of `url`, or to another database of the same server. */
  connect(database?: string): Promise<pg.Client>
  readonly role: string
  readonly url: string
}

/** Creates the role. `url` must be the URL of a superuser. */
export async function strangerIn(url: string): Promise<Stranger> {
  const role = `stranger_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client(url)
  admin.on('error', () => undefined)
  await admin.connect()
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'stranger'`)
  const own = new URL(url)
  own.username = role
  own.password = 'stranger'
  const clients: pg.Client[] = []
  return {
    role,
    url: own.href,
    connect: async (database) => {
      const to = new URL(own)
      if (database !== undefined) to.pathname = `/${database}`
      const client = new pg.Client(to.href)
      client.on('error', () => undefined)
      clients.push(client)
      await client.connect()
      return client
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => client.end()))
      await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    },
  }
}
