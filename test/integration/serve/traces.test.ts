import { expect, test } from 'vitest'
import {
  asksCatalogs,
  inWords,
  messageOf,
  readTrace,
  startupParameters,
  type TraceLine,
} from '../../support/driver-trace.js'
import { filesOf } from '../../support/repository.js'
import { serveWorld, type TestFront } from '../../support/serve-world.js'
import { WireClient } from '../../support/wire-client.js'

/** Recordings of what drivers sent to PostgreSQL 15 (Npgsql: 18), byte for byte, and of the server's answers. */
const FOLDER = 'test/fixtures/driver-traces'

const world = serveWorld()

/** One connection of a trace. */
interface Replayed {
  readonly client: WireClient
  /** The key with which a CancelRequest names the session. */
  readonly key: Buffer
  asksCatalogs: boolean
}

class Replay {
  readonly #front: TestFront
  readonly #lines: readonly TraceLine[]
  readonly #connections = new Map<number, Replayed>()

  constructor(front: TestFront, lines: readonly TraceLine[]) {
    this.#front = front
    this.#lines = lines
  }

  async run(): Promise<void> {
    for (const [at, line] of this.#lines.entries()) {
      if (line.isSent) await this.#send(line, at)
      else await this.#expect(line, at)
    }
  }

  async #send(line: TraceLine, at: number): Promise<void> {
    const { connection, what, details } = line
    if (what === 'SSLRequest') return
    if (what === 'Startup') return this.#start(connection, startupParameters(details))
    if (what === 'CancelRequest') return this.#cancel(at)
    // A connection that only carried a CancelRequest is not in the map. The rest of its trace is its end.
    const replayed = this.#connections.get(connection)
    if (replayed === undefined) return
    if (what === 'Terminate') replayed.client.send(Buffer.from('X\0\0\0\x04', 'latin1'))
    else if (what === 'FIN') replayed.client.socket.end()
    else {
      if (what === 'Query' || what === 'Parse') replayed.asksCatalogs = asksCatalogs(details)
      replayed.client.send(messageOf(line)!)
    }
  }

  async #start(connection: number, parameters: Record<string, string>): Promise<void> {
    const client = await WireClient.connect(this.#front)
    client.startup({ ...parameters, database: new URL(world.database.url).pathname.slice(1) })
    await client.until('Z')
    const [key] = client.bodies('K')
    client.take()
    this.#connections.set(connection, { client, key: key!, asksCatalogs: false })
  }

  /** Cancels the statement that is the next to end with an error. Without such an error, the recorded request came too late. */
  async #cancel(at: number): Promise<void> {
    const error = this.#lines.slice(at).find(({ what }) => what === 'Error')
    if (error === undefined) return
    await expect.poll(() => [...this.#front.front.sessions].some(({ isBusy }) => isBusy)).toBe(true)
    const canceler = await WireClient.connect(this.#front)
    const head = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46])
    canceler.send(Buffer.concat([head, this.#connections.get(error.connection)!.key]))
    await canceler.closed()
  }

  async #expect({ connection, what, details }: TraceLine, at: number): Promise<void> {
    const replayed = this.#connections.get(connection)
    if (replayed === undefined) return
    if (what === 'FIN') return replayed.client.closed()
    const where = `line ${at + 1}`
    const answer = await this.#answerOf(replayed)
    if (what === 'CommandComplete' && replayed.asksCatalogs) expect(answer, where).toContain(what)
    else expect(answer, where).toBe(`${what} ${details}`)
  }

  async #answerOf({ client, asksCatalogs }: Replayed): Promise<string> {
    for (;;) {
      const message = await client.next()
      if (message === null) return 'the end'
      if (!(asksCatalogs && message.type === 'D')) return inWords(message.type, message.body)
    }
  }
}

test.each(filesOf(FOLDER, '.trace').map(({ path, text }) => [path.slice(FOLDER.length + 1), text]))(
  'the front answers the messages of %s as PostgreSQL did',
  async (_, text) => {
    const front = await world.front({ others: { kind: 'pass' } })
    await new Replay(front, readTrace(text)).run()
    await expect.poll(() => front.front.clients).toBe(0)
    await expect.poll(() => world.locks()).toEqual([])
  },
)
