import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compare } from '../../drivers/compare.js'
import { PROGRAMS } from '../../drivers/programs.js'
import { startEmbedded } from '../support/own-server.js'
import { startFront, startServer, type Server, type Target } from '../../drivers/target.js'

/** `npm run drivers` runs the other programs. */
const QUICK = new Set(['psycopg2', 'libpq 18', 'psql', 'pg'])

let server: Server | undefined
let front: Target | undefined

beforeAll(async () => {
  server = await startServer(startEmbedded)
  front = await startFront(server, 'pass')
})

afterAll(async () => {
  await front?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

describe('a program cannot tell the front from the server by its answers and its locks', () => {
  for (const program of PROGRAMS.filter(({ name }) => QUICK.has(name)))
    test.skipIf(program.missing() !== null)(program.name, async () => {
      const { straight, differences } = await compare(program, server!, front!)
      expect(differences).toEqual([])
      expect(straight.locks.length).toBeGreaterThan(3)
    })
})
