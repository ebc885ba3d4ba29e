import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest'
import type { Feature } from '../../src/dialect/capabilities.js'
import type {
  Dialect,
  Holding,
  LinkSettings,
  ListeningConnection,
  LockLink,
} from '../../src/dialect/dialect.js'
import type { KeyCode, LockKey } from '../../src/dialect/lock-key.js'
import type { LockOperation, OperationKind } from '../../src/dialect/lock-operation.js'
import type { PermitOperation, PermitReply, SemaphoreCode } from '../../src/dialect/permit-operation.js'
import { SeenTokens } from '../../src/dialect/seen-tokens.js'
import type { ConnectionFactory } from '../../src/pool/connection-factory.js'

/** A database to run the contract on. */
export interface ContractWorld<C extends object> {
  readonly factory: ConnectionFactory<C>
  readonly dialect: Dialect<C>
  /** The number of locks of any kind at the server, including internal locks. */
  leftovers(): Promise<number>
  /** The number of sessions that wait in the server's queue for any key. Needed if the dialect has the feature `line`. */
  queued?(): Promise<number>
  /** Whether the dialect reports `isQueuedFor`. Default: true. */
  readonly tellsWhoQueues?: boolean
  /** Ends a session at the server, as an administrator would. */
  terminate(serverId: number): Promise<void>
  close(): Promise<void>
}

/**
 * The promises of every dialect to the lock layer. The fake dialect must keep them too. Tests of features that a
 * dialect lacks are skipped.
 */
export function describeLockLink<C extends object>(
  name: string,
  open: () => Promise<ContractWorld<C>>,
): void {
  describe(`lock link: ${name}`, () => {
    let world: ContractWorld<C>
    const connections: C[] = []
    const links: LockLink[] = []
    const ended: Error[] = []

    beforeAll(async () => {
      world = await open()
    })

    afterAll(() => world.close())

    afterEach(async () => {
      await Promise.all(links.splice(0).map(async (each) => each.abandon?.()))
      for (const connection of connections.splice(0))
        await world.factory.close(connection).catch(() => undefined)
      ended.splice(0)
      await expect.poll(() => world.leftovers(), { timeout: 5000 }).toBe(0)
    })

    async function link(sender: string, settings: Partial<LinkSettings> = {}): Promise<LockLink> {
      const connection = await world.factory.open(new AbortController().signal)
      connections.push(connection)
      const all: LinkSettings = {
        leaseMs: 60_000,
        fencing: 'auto',
        strict: false,
        sender,
        seen: new SeenTokens(),
        ...settings,
      }
      const { dialect } = world
      const tell = (cause: Error): void => void ended.push(cause)
      const made =
        dialect.join === undefined
          ? await dialect.attach(connection, all, tell, null)
          : await dialect.join((use) => use(connection), all, tell, new AbortController().signal)
      links.push(made)
      return made
    }

    /** Skips the test, with the reason, if the database lacks the feature. */
    const needs = (context: TestContext, feature: Feature): void => {
      const reason = world.dialect.can?.gaps[feature]
      if (reason !== undefined) context.skip(`no ${feature}: ${reason}`)
    }
    /**
     * Skips the test if the dialect reserves a released lock for the first waiter, so that no other process can acquire it
     * meanwhile.
     */
    const needsNoOrder = (context: TestContext): void =>
      context.skip(world.dialect.can?.passesTo === 'first waiter', 'waiters come in order')
    const isPerOperation = (): boolean => world.dialect.can?.tokens === 'per operation'
    const has = (feature: Feature): boolean => world.dialect.can?.gaps[feature] === undefined
    /** The modes of the dialect, as `op` expects them after the kind of the operation. */
    const modes = (): readonly string[] => (has('shared mode') ? ['', ' shared'] : [''])

    const key = (name: LockKey): KeyCode => world.dialect.encodeKey(name, 'contract')
    const op = (text: string, name: LockKey = 'orders'): LockOperation => {
      const [kind, mode] = text.split(' ') as [OperationKind, 'exclusive' | 'shared' | undefined]
      return { kind, mode: mode ?? 'exclusive', key: key(name) }
    }
    const tokenOf = async (of: LockLink, text: string): Promise<string | null> => {
      const { token, tokens } = await of.run([op(text)])
      return tokens === undefined ? token : tokens[0]!
    }
    const ask = async (of: LockLink, text: string, name: LockKey = 'orders'): Promise<string> =>
      (await of.run([op(text, name)])).answers

    test('the only reader becomes the writer, and a reader again', async (context) => {
      needs(context, 'conversion')
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try shared')
      await ask(b, 'try shared')
      expect(await ask(a, 'upgrade shared')).toBe('n')
      await ask(a, 'setIntent shared')
      expect(await ask(a, 'upgrade shared')).toBe('n')
      await ask(b, 'release shared')
      expect(await ask(a, 'upgrade shared')).toBe('g')
      expect(await ask(b, 'try shared')).toBe('n')
      expect(await a.reconcile([{ key: key('orders'), what: 'exclusive' }])).toEqual([])

      expect(await ask(a, 'downgrade')).toBe('g')
      expect(await ask(b, 'try')).toBe('n')
      expect(await ask(b, 'try shared'), 'the mark has gone').toBe('g')
      expect(await a.reconcile([{ key: key('orders'), what: 'shared' }])).toEqual([])
      expect(await ask(a, 'downgrade'), 'it is not exclusive').toBe('n')
      expect(await ask(a, 'release shared')).toMatch(/^[dr]$/)
      expect(await ask(b, 'release shared')).toBe('d')
      expect(await ask(a, 'upgrade shared'), 'it is not held').toBe('n')
      expect(await ask(b, 'try')).toBe('g')
    })

    test('one has it at a time', async () => {
      const [a, b] = [await link('a'), await link('b')]

      expect(await ask(a, 'try')).toBe('g')
      for (const mode of modes()) expect(await ask(b, `try${mode}`)).toBe('n')
      expect(await ask(a, 'release')).toBe('d')
      expect(await ask(b, 'try')).toBe('g')
    })

    test('readers share it, writers do not', async (context) => {
      needs(context, 'shared mode')
      const [a, b] = [await link('a'), await link('b')]

      expect(await ask(a, 'try shared')).toBe('g')
      expect(await ask(b, 'try shared')).toBe('g')
      expect(await ask(b, 'try', 'other')).toBe('g')
      expect(await ask(a, 'release shared')).toBe('d')
      expect(await ask(a, 'try')).toBe('n')
      expect(await ask(b, 'release shared')).toBe('d')
      expect(await ask(a, 'try')).toBe('g')
    })

    test('a lock that is not held cannot be released or yielded', async () => {
      const [a, b] = [await link('a'), await link('b')]
      await ask(b, 'try')

      for (const mode of modes()) expect(await ask(a, `release${mode}`)).toBe('n')
    })

    test('one mode of a key is not given up in the name of the other', async (context) => {
      needs(context, 'shared mode')
      const a = await link('a')
      await ask(a, 'try shared', 'read')

      expect(await ask(a, 'release', 'read')).toBe('n')
    })

    test.each([
      ['42n', 42n],
      ['-1n', -1n],
      ['the greatest bigint', 2n ** 63n - 1n],
      ['the smallest bigint', -(2n ** 63n)],
      ['[1, 2]', [1, 2]],
      ['the widest pair', [-(2 ** 31), 2 ** 31 - 1]],
      ['[0, 0]', [0, 0]],
      ['a name in Unicode', 'ключ 🔑'],
      ['a name like SQL', "'; --"],
    ] as const)('%s can be locked, waited for and released like any other key', async (_, name) => {
      const [a, b] = [await link('a'), await link('b')]

      expect(await ask(a, 'try', name)).toBe('g')
      expect(await ask(b, 'wait', name)).toBe('w')
      expect(await ask(a, 'yield', name)).toBe('w')
      expect(await ask(b, 'retry', name)).toBe('g')
      expect(await ask(b, 'release', name)).toBe('r')
      expect(await ask(a, 'poll', name)).toBe('g')
      // A registration was set a moment ago. It may still show for keys that share its hash bucket.
      expect(await ask(a, 'release', name)).toMatch(/^[dr]$/)
      if (!has('shared mode')) return
      expect(await ask(a, 'try shared', name)).toBe('g')
      expect(await ask(a, 'join shared', name)).toBe('g')
      expect(await ask(a, 'release shared', name)).toMatch(/^[dr]$/)
    })

    test('a bigint and a pair of the same bits are two keys', async () => {
      const [a, b] = [await link('a'), await link('b')]

      expect((await a.run([op('try', 1n), op('try', [0, 1])])).answers).toBe('gg')
      expect((await b.run([op('try', [0, 1]), op('try', 1n), op('try', [1, 0])])).answers).toBe('nng')
    })

    test('a batch answers each operation, in order, whatever its kinds', async () => {
      const [a, b] = [await link('a'), await link('b')]
      const shared = has('shared mode') ? ' shared' : ''
      await b.run([op('try', 'busy'), op(`try${shared}`, 'read'), op('try', [7, 7])])
      await a.run([op('try', 'mine'), op('try', 'also mine')])

      const { answers } = await a.run([
        op('try', 'busy'),
        op('try', 'free'),
        op('release', 'mine'),
        op('try', [7, 7]),
        op(`try${shared}`, 'read'),
        op('wait', 'wanted'),
        op('try', [7, 8]),
        op('yield', 'also mine'),
      ])

      expect(answers).toBe(has('shared mode') ? 'ngdngggg' : 'ngdnnggg')
    })

    test('a thousand operations in one batch', async () => {
      const a = await link('a')
      const names = Array.from({ length: 1000 }, (_, i) => `key ${i}`)

      const taken = await a.run(names.map((name) => op('try', name)))
      const given = await a.run(names.map((name) => op('release', name)))

      expect(taken.answers).toBe('g'.repeat(1000))
      expect(given.answers).toBe('d'.repeat(1000))
    })

    test('tokens grow with every batch that was granted something, across sessions', async () => {
      const [a, b] = [await link('a'), await link('b')]
      let last = 0n
      for (let round = 0; round < 20; round++) {
        const of = round % 2 === 0 ? a : b
        const token = await tokenOf(of, 'try')
        expect(BigInt(token!) - last).toBeGreaterThanOrEqual(1024n)
        last = BigInt(token!)
        expect(await tokenOf(of, 'release')).toBeNull()
      }
    })

    test('without fencing there is no token, and everything else works', async () => {
      const a = await link('a', { fencing: 'off' })

      expect(a.noFencing).toMatch(/off/)
      expect(await a.run([op('try')])).toMatchObject({ answers: 'g', token: null, delaysMs: null })
      expect(await ask(a, 'release')).toBe('d')
      expect(await tokenOf(a, 'try')).toBeNull()
    })

    test('a release sees a registration until it is removed', async (context) => {
      needsNoOrder(context)
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try')

      expect(await ask(b, 'wait')).toBe('w')
      expect(await ask(a, 'release')).toBe('r')
      expect(await ask(a, 'try')).toBe('g')
      expect(await ask(b, 'leave')).toBe('d')
      expect(await ask(a, 'release')).toBe('d')
    })

    test('after a registration was seen, a release of unwanted keys still reports that none is wanted', async () => {
      const [a, b] = [await link('a'), await link('b')]
      const names = Array.from({ length: 400 }, (_, i) => `key ${i}`)
      const [first, second = first] = modes()
      const nth = (i: number): string => (i % 2 === 0 ? first! : second!)
      await ask(a, 'try')
      await ask(b, 'wait')
      // There are more keys than hash buckets, so some keys may count as wanted in these rounds.
      for (let round = 0; round < 2; round++) {
        await a.run(names.map((name, i) => op(`try${nth(i)}`, name)))
        await a.run(names.map((name, i) => op(`release${nth(i)}`, name)))
      }

      await a.run(names.map((name, i) => op(`try${nth(i)}`, name)))
      const given = await a.run([
        ...names.map((name, i) => op(`release${nth(i)}`, name)),
        op('release'),
        op('release', 'not held'),
      ])

      expect(given).toMatchObject({ answers: `${'d'.repeat(400)}rn`, token: null })
    })

    test('waiting for a free key takes it, and leaves no registration', async () => {
      const [a, b] = [await link('a'), await link('b')]

      const shared = has('shared mode') ? ' shared' : ''
      expect(await ask(a, 'wait')).toBe('g')
      expect(await ask(b, `wait${shared}`, 'read')).toBe('g')
      expect(await ask(a, 'release')).toBe('d')
      expect(await ask(b, `release${shared}`, 'read')).toBe('d')
    })

    test('a queue operation sets a registration and nothing else, though the key is free', async (context) => {
      needsNoOrder(context)
      const [a, b] = [await link('a'), await link('b')]

      expect(await ask(a, 'queue')).toBe('w')
      if (has('shared mode')) {
        expect(await ask(b, 'try shared'), 'a reader may be among those it lets go first').toBe('g')
        expect(await ask(b, 'release shared')).toBe('r')
      }
      expect(await ask(b, 'try')).toBe('g')
      expect(await ask(a, 'retry')).toBe('n')
      expect(await ask(b, 'release')).toBe('r')
      expect(await ask(a, 'retry')).toBe('g')
      expect(await ask(a, 'release')).toBe('d')
      for (const mode of modes().slice(1)) expect(await ask(b, `try${mode}`)).toBe('g')
    })

    test('a process that leaves a key which was free reports that', async () => {
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try')
      await ask(b, 'wait')
      await ask(a, 'release')

      expect(await ask(b, 'leave')).toBe('r')
    })

    test('a yield releases the lock only if another session is registered', async () => {
      const [a, b] = [await link('a'), await link('b')]
      const first = await tokenOf(a, 'try')

      const kept = await tokenOf(a, 'yield')
      expect(BigInt(kept!), 'it is kept').toBeGreaterThan(BigInt(first!))
      await ask(b, 'wait')
      expect(await ask(a, 'yield')).toBe('w')
      expect(await ask(b, 'retry')).toBe('g')
      expect(await ask(b, 'yield')).toBe('w')
      expect(await ask(a, 'retry')).toBe('g')
      expect(await ask(b, 'leave')).toBe('d')
      expect(await ask(a, 'release')).toBe('d')
    })

    test('readers yield to a waiting writer, but not after they were woken', async (context) => {
      needs(context, 'shared mode')
      const [a, b, c] = [await link('a'), await link('b'), await link('c')]
      await ask(a, 'try shared')

      expect(await ask(b, 'wait')).toBe('w')
      expect(await ask(c, 'try shared')).toBe('n')
      expect(await ask(a, 'join shared')).toBe('n')
      expect(await ask(c, 'wait shared')).toBe('w')
      expect(await ask(c, 'poll shared')).toBe('n')
      expect(await ask(c, 'retry shared')).toBe('g')
      expect(await ask(b, 'leave')).toBe('r')
      expect(await ask(a, 'join shared')).toBe('g')
    })

    test('a writer may be waiting behind readers of its own session', async (context) => {
      needs(context, 'shared mode')
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try shared')

      expect(await ask(a, 'setIntent shared')).toBe('d')
      expect(await ask(b, 'try shared')).toBe('n')
      expect(await ask(a, 'clearIntent shared')).toBe('r')
      expect(await ask(b, 'try shared')).toBe('g')
    })

    test.each([
      ['its own readers', false],
      ['those of another session', true],
    ])('a writer that leaves after %s have gone keeps nothing', async (_, hasOthers) => {
      const [a, b] = [await link('a'), await link('b')]
      if (!has('shared mode')) return
      await ask(a, 'try shared')
      if (hasOthers) await ask(b, 'try shared')
      await ask(a, 'setIntent shared')
      await ask(a, 'release shared')
      if (hasOthers) await ask(b, 'release shared')
      await ask(a, 'clearIntent shared')

      expect(await ask(b, 'try')).toBe('g')
    })

    test('a mark is dropped with the lock that it was for', async (context) => {
      needs(context, 'shared mode')
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try shared')
      await ask(a, 'setIntent shared')
      await ask(a, 'release shared')

      expect(await ask(a, 'wait')).toBe('g')
      expect(await ask(a, 'release')).toBe('d')
      expect(await ask(b, 'try shared')).toBe('g')
    })

    describe('in the line for a key', () => {
      beforeEach((context) => needs(context, 'server queue'))

      const WAIT_MS = 500
      const enqueue = async (of: LockLink, mode = '', name: LockKey = 'orders'): Promise<string> =>
        (await of.enqueue(op(`enqueue${mode}`, name), WAIT_MS)).answers
      /** Resolves when this number of sessions waits in the server's queue. */
      const queued = (count: number): Promise<void> =>
        expect.poll(() => world.queued!(), { timeout: 10_000, interval: 5 }).toBe(count)

      test('a caller that finds it free gets it at once, with that answer', async () => {
        const [a, b] = [await link('a'), await link('b')]

        expect(await enqueue(a)).toBe('f')
        expect(await ask(b, 'try')).toBe('n')
        expect(await ask(a, 'release')).toBe('d')
        expect(await enqueue(b)).toBe('f')
      })

      test('waiters get it in their order, each with a greater token, and none is overtaken', async () => {
        const a = await link('a')
        await ask(a, 'try')
        const line = [await link('b'), await link('c'), await link('d')]
        const had: number[] = []
        const waits: Promise<string | null>[] = []
        for (const [place, each] of line.entries()) {
          const waited = each.enqueue(op('enqueue'), 5000).then(({ answers, token, tokens }) => {
            expect(answers).toBe('g')
            had.push(place)
            return tokens === undefined ? token : tokens[0]!
          })
          waits.push(waited)
          await queued(place + 1)
        }
        let before = 0n
        for (const [place, holder] of [a, ...line.slice(0, -1)].entries()) {
          // In MariaDB, a session that becomes first in the queue starts to wait for the lock itself.
          await queued(line.length - place)
          expect(await ask(holder, 'release')).toBe('d')
          expect(await ask(a, 'try'), 'it goes to the next at once').toBe('n')
          const token = BigInt((await waits[place])!)
          expect(token).toBeGreaterThan(before)
          before = token
        }

        expect(had).toEqual([0, 1, 2])
      })

      test('a wait that takes long ends without it, and nothing of it is left', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, 'try')

        expect((await b.enqueue(op('enqueue'), 60)).answers).toBe('n')

        expect(await ask(a, 'yield'), 'nobody stands in line').toBe('g')
        expect(await world.leftovers()).toBe(1)
        await ask(a, 'release')
        expect(await ask(b, 'try')).toBe('g')
      })

      test('a key is yielded to processes in the queue, without a registration of our own', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, 'try')
        const turn = enqueue(b)
        await queued(1)

        expect(await a.isWanted(key('orders'))).toBe(true)
        if (world.tellsWhoQueues !== false) expect(await a.isQueuedFor(key('orders'))).toBe(true)
        expect(await a.isQueuedFor(key('other'))).toBe(false)
        expect(await ask(a, 'yield')).toBe('d')

        expect(await turn).toBe('g')
        expect(await b.isWanted(key('orders'))).toBe(false)
        expect(await b.isQueuedFor(key('orders'))).toBe(false)
        expect(await ask(b, 'release'), 'and a is not registered').toBe('d')
      })

      test('readers and writers have it in their order, readers behind one another at once', async (context) => {
        needs(context, 'shared mode')
        const [a, b, c, d, e] = [
          await link('a'),
          await link('b'),
          await link('c'),
          await link('d'),
          await link('e'),
        ]
        await ask(a, 'try')
        const readers = [enqueue(b, ' shared')]
        await queued(1)
        readers.push(enqueue(c, ' shared'))
        await queued(2)
        const writer = enqueue(d)
        await queued(3)
        await ask(a, 'release')

        expect(await Promise.all(readers)).toEqual(['g', 'g'])
        expect(await ask(e, 'try shared'), 'who comes later does not get past the writer').toBe('n')
        expect(await ask(b, 'join shared'), 'nor by way of one who reads already').toBe('n')
        await ask(b, 'release shared')
        await ask(c, 'release shared')
        expect(await writer).toBe('g')
        await ask(d, 'release')
        expect(await ask(e, 'try shared'), 'and the mark of the writer is gone').toBe('g')
      })

      test('a pair of integers has a line as well, for writers and readers', async () => {
        const [a, b] = [await link('a'), await link('b')]
        for (const mode of modes()) {
          await ask(a, 'try', [7, -8])
          const turn = enqueue(b, mode, [7, -8])
          await queued(1)
          await ask(a, 'release', [7, -8])
          expect(await turn).toBe('g')
          expect(await ask(a, 'try', [7, -8])).toBe('n')
          await ask(b, `release${mode}`, [7, -8])
        }
      })

      test('a session that ends while it waits is not waited for', async () => {
        const [a, b, c] = [await link('a'), await link('b'), await link('c')]
        await ask(a, 'try')
        const gone = enqueue(b).catch(() => 'ended')
        await queued(1)
        const turn = enqueue(c)
        await queued(2)
        await world.terminate(b.serverId)
        expect(await gone).toBe('ended')
        await ask(a, 'release')

        expect(await turn).toBe('g')
      })

      test('an operation that is sent after a wait is answered after it', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, 'try')
        const order: string[] = []
        const both = [
          enqueue(b).then((answer) => order.push(answer)),
          ask(b, 'try', 'other').then((answer) => order.push(`other ${answer}`)),
        ]
        await queued(1)
        expect(order).toEqual([])
        await ask(a, 'release')
        await Promise.all(both)

        expect(order.toSorted()).toEqual(['g', 'other g'])
      })

      test('one of several permits is waited for, and had when it is given up', async () => {
        const [a, b] = [await link('a'), await link('b')]
        const semaphore = world.dialect.encodeSemaphore('seats', 2, 'contract')
        const permits = (of: LockLink, operation: Partial<PermitOperation>): Promise<PermitReply> =>
          of.permits({
            ...{ kind: 'take', semaphore, atMost: 1, from: 0, slots: [], enters: true, exits: false },
            ...{ waitMs: 0, looks: false, ...operation },
          })
        await permits(a, { atMost: 2 })
        const waiting = permits(b, { kind: 'enqueue', from: 1, waitMs: 5000 })
        await queued(1)

        const released = await permits(a, { kind: 'release', slots: [1], enters: false })
        expect(released).toMatchObject({ said: 'awaited', missing: [] })
        expect(await waiting).toMatchObject({ taken: [{ slot: 1 }], said: 'done' })
        expect(await permits(b, { kind: 'enqueue', from: 0, waitMs: 50, slots: [1] })).toMatchObject({
          taken: [],
          said: 'done',
        })
        await permits(a, { kind: 'release', slots: [0], exits: true, enters: false })
        expect(await permits(a, { kind: 'enqueue', from: 0, waitMs: 50 })).toMatchObject({
          taken: [{ slot: 0 }],
          said: 'free',
        })
      })

      test('a release of several permits reports the queue of any of them', async () => {
        const [a, b, c] = [await link('a'), await link('b'), await link('c')]
        const semaphore = world.dialect.encodeSemaphore('seats', 5, 'contract')
        const permits = (of: LockLink, operation: Partial<PermitOperation>): Promise<PermitReply> =>
          of.permits({
            ...{ kind: 'take', semaphore, atMost: 1, from: 0, slots: [], enters: true, exits: false },
            ...{ waitMs: 0, looks: false, ...operation },
          })
        const release = (slots: number[]): Promise<PermitReply> =>
          permits(a, { kind: 'release', slots, enters: false })
        await permits(a, { atMost: 5 })
        const waiting = permits(b, { kind: 'enqueue', from: 3, waitMs: 5000 })
        await queued(1)

        expect(await release([0, 1])).toMatchObject({ said: 'done', missing: [] })
        expect(await release([2, 3])).toMatchObject({ said: 'awaited', missing: [] })
        expect(await waiting).toMatchObject({ taken: [{ slot: 3 }] })
        expect(await release([3, 4]), 'no session waits any more').toMatchObject({
          said: 'done',
          missing: [3],
        })

        // A process that needs a wake-up has precedence over one that does not.
        await permits(b, { atMost: 4, slots: [3], enters: false })
        await permits(c, { kind: 'wait' })
        const inLine = permits(a, { kind: 'enqueue', from: 3, waitMs: 5000 })
        await queued(1)
        const both = await permits(b, { kind: 'release', slots: [3], enters: false })
        expect(both).toMatchObject({ said: 'wanted', missing: [] })
        expect(await inLine).toMatchObject({ taken: [{ slot: 3 }] })
      })
    })

    test('a wake-up reaches listening processes, if one is registered', async (context) => {
      needs(context, 'notify')
      const [a, b] = [await link('a'), await link('b')]
      const heard = await handlers()
      await ask(a, 'try', 'wanted')
      await ask(a, 'try', 'not wanted')
      await ask(b, 'wait', 'wanted')

      await a.run([op('release', 'wanted'), op('release', 'not wanted')])
      const wanted = await a.notify([key('wanted'), key('not wanted')])

      expect([...wanted]).toEqual([key('wanted').id])
      await expect.poll(() => heard).toEqual([`rung ${key('wanted').id} by ${has('messages') ? 'a' : ''}`])
    })

    test('a ticket reaches listening processes', async (context) => {
      needs(context, 'messages')
      const b = await link('b')
      const heard = await handlers()

      await b.sendTicket(key('wanted'))

      await expect.poll(() => heard).toEqual([`claimed ${key('wanted').id} by b`])
    })

    test('a message reaches listening processes with its spaces, up to the maximum length', async (context) => {
      needs(context, 'messages')
      const a = await link('a')
      const heard = await handlers()
      const longest = '["x y", "é🔑"]'.padEnd(5895, '.')

      await a.broadcast(longest)

      await expect.poll(() => heard).toEqual([`told ${longest} by a`])
    })

    test('one wake-up can name many keys', async (context) => {
      needs(context, 'notify')
      const [a, b] = [await link('a'), await link('b')]
      const heard = await handlers()
      const names = Array.from({ length: 700 }, (_, i) => `key ${i}`)
      await a.run(names.map((name) => op('try', name)))
      await b.run(names.map((name) => op('wait', name)))

      await a.run(names.map((name) => op('release', name)))
      const wanted = await a.notify(names.map(key))

      expect(wanted.size).toBe(700)
      await expect.poll(() => heard.length).toBe(700)
    })

    test('reconciling releases a lock of which only the intent is to stay', async (context) => {
      needs(context, 'shared mode')
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try shared')
      await ask(a, 'setIntent shared')

      expect(await a.reconcile([{ key: key('orders'), what: 'intent' }])).toEqual([])
      expect(await ask(b, 'try')).toBe('g')
      await ask(a, 'clearIntent shared')
    })

    test('reconciling releases surplus locks, and reports missing ones', async () => {
      const [a, b] = [await link('a'), await link('b')]
      const shared = has('shared mode') ? ' shared' : ''
      await a.run([op('try', 'kept'), op('try', 'extra'), op(`try${shared}`, 'read'), op('try', [3, 4])])
      await b.run([op('try', 'busy'), op('try', 'left')])
      await a.run([op('wait', 'busy'), op('wait', 'left')])
      const kept: Holding = { key: key('kept'), what: 'exclusive' }
      const missing: Holding = { key: key('missing'), what: 'shared' }

      expect(await a.reconcile([kept, missing, { key: key('busy'), what: 'registration' }])).toEqual([
        missing,
      ])

      expect(await ask(b, 'try', 'kept')).toBe('n')
      expect((await b.run([op('try', 'extra'), op('try', 'read'), op('try', [3, 4])])).answers).toBe('ggg')
      expect((await b.run([op('release', 'busy'), op('yield', 'left')])).answers).toBe('rg')
    })

    describe('permits', () => {
      const semaphore = (permits: number, name: LockKey = 'orders'): SemaphoreCode =>
        world.dialect.encodeSemaphore(name, permits, 'contract')
      const ask = (of: LockLink, operation: Partial<PermitOperation>): Promise<PermitReply> =>
        of.permits({
          kind: 'take',
          semaphore: semaphore(5),
          atMost: 1,
          from: 0,
          slots: [],
          enters: false,
          exits: false,
          waitMs: 0,
          looks: false,
          ...operation,
        })
      const slotsOf = ({ taken }: PermitReply): number[] => taken.map(({ slot }) => slot)

      test('as many as are wanted and free, from where the search begins, and none besides', async () => {
        const [a, b] = [await link('a'), await link('b')]

        const first = await ask(a, { atMost: 2, from: 4, enters: true })
        expect(slotsOf(first)).toEqual([4, 0])
        expect(first).toMatchObject({ said: 'done', missing: [], otherPermits: null })
        expect(await world.leftovers(), 'two slots and the shape').toBe(3)
        expect(slotsOf(await ask(a, { atMost: 1, from: 4, slots: [4, 0] }))).toEqual([1])
        expect(slotsOf(await ask(b, { atMost: 9, from: 3, enters: true }))).toEqual([3, 2])
        expect(slotsOf(await ask(b, { atMost: 1, slots: [3, 2] }))).toEqual([])
        expect(await world.leftovers()).toBe(7)
      })

      test('each has a token of its own, drawn after its slot was granted', async () => {
        const [a, b] = [await link('a'), await link('b')]
        // Tokens grow in the order of the slots. If a dialect draws a token per operation, each slot is compared only with
        // itself.
        const last = new Map<number, bigint>()
        let greatest = 0n
        for (let round = 0; round < 6; round++) {
          const of = round % 2 === 0 ? a : b
          const { taken } = await ask(of, { atMost: 5, from: round % 5, enters: true })
          expect(taken).toHaveLength(5)
          for (const { slot, token } of taken) {
            const before = isPerOperation() ? (last.get(slot) ?? 0n) : greatest
            expect(BigInt(token!) - before).toBeGreaterThanOrEqual(1024n)
            last.set(slot, (greatest = BigInt(token!)))
          }
          await ask(of, { kind: 'release', slots: [0, 1, 2, 3, 4], exits: true })
        }
        const without = await link('c', { fencing: 'off' })
        expect((await ask(without, {})).taken).toEqual([{ slot: 0, token: null }])
      })

      test('nothing is left of an attempt that was granted nothing, nor after the last release', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, { atMost: 5, enters: true })
        const before = await world.leftovers()

        expect((await ask(b, { enters: true })).taken).toEqual([])
        expect(await world.leftovers()).toBe(before)

        const given = await ask(a, { kind: 'release', slots: [0, 1, 2, 3, 4], exits: true })
        expect(given).toMatchObject({ said: 'done', missing: [] })
        expect(await world.leftovers()).toBe(0)
      })

      test('a single one is found behind those that are taken, has a token, and leaves nothing', async () => {
        const [a, b] = [await link('a'), await link('b')]
        const first = await ask(a, { from: 3, enters: true })
        const second = await ask(b, { from: 3, enters: true })
        const third = await ask(await link('c'), { from: 3 })

        expect([first, second, third].map(slotsOf)).toEqual([[3], [4], [0]])
        if (!isPerOperation())
          expect(BigInt(second.taken[0]!.token!)).toBeGreaterThan(BigInt(first.taken[0]!.token!))
        expect(await world.leftovers(), 'three slots, and the shape of two sessions').toBe(5)
        expect(await ask(b, { kind: 'release', slots: [3] })).toMatchObject({ missing: [3] })
        expect(await ask(b, { kind: 'release', slots: [4], exits: true })).toMatchObject({ missing: [] })
        expect(await world.leftovers()).toBe(3)
      })

      test('the release of a lock that is not held is reported', async () => {
        const a = await link('a')
        await ask(a, { atMost: 2 })

        expect((await ask(a, { kind: 'release', slots: [1, 2, 0, 3] })).missing).toEqual([2, 3])
      })

      test('a release sees a registration until it is removed or enough is granted', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, { atMost: 4, enters: true })

        expect(await ask(b, { kind: 'wait', atMost: 2, from: 4, enters: true })).toMatchObject({
          taken: [{ slot: 4 }],
          said: 'waiting',
        })
        expect(await ask(b, { kind: 'retry', atMost: 1, slots: [4] })).toMatchObject({ said: 'waiting' })
        expect((await ask(a, { kind: 'release', slots: [0] })).said).toBe('wanted')
        expect([...(await a.notify([semaphore(5).key]))]).toEqual([semaphore(5).key.id])
        expect(await ask(b, { kind: 'retry', atMost: 1, slots: [4] })).toMatchObject({
          taken: [{ slot: 0 }],
          said: 'done',
        })
        expect((await ask(a, { kind: 'release', slots: [1] })).said).toBe('done')
        expect(await ask(b, { kind: 'wait', atMost: 3, slots: [4, 0] })).toMatchObject({ said: 'waiting' })
        await ask(b, { kind: 'leave' })
        expect((await ask(a, { kind: 'release', slots: [2] })).said).toBe('done')
      })

      test('a waiter that gets enough at once leaves no registration', async () => {
        const [a, b] = [await link('a'), await link('b')]

        const { taken, said } = await ask(b, { kind: 'wait', atMost: 2, enters: true })
        await ask(a, { atMost: 1, enters: true })

        expect([taken.length, said]).toEqual([2, 'done'])
        expect((await ask(a, { kind: 'release', slots: [2], exits: true })).said).toBe('done')
        await ask(b, { kind: 'release', slots: [0, 1], exits: true })
        expect(await world.leftovers()).toBe(0)
      })

      test('a conflicting number of permits is detected while the semaphore is held or waited for', async () => {
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, { enters: true })
        await ask(a, { enters: true, semaphore: semaphore(7, 'other') })

        const other = semaphore(1000)
        expect((await ask(b, { semaphore: other, enters: true, looks: true })).otherPermits).toBe(5)
        expect((await ask(a, { slots: [0], looks: true })).otherPermits).toBe(1000)
        await ask(b, { kind: 'release', semaphore: other, slots: [1], exits: true })
        expect((await ask(a, { slots: [0, 1], looks: true })).otherPermits).toBeNull()

        await ask(b, { kind: 'wait', atMost: 9, enters: true, semaphore: semaphore(3) })
        expect((await ask(a, { slots: [0, 1], looks: true })).otherPermits).toBe(3)
        await b.permits({
          ...{ kind: 'leave', semaphore: semaphore(3), atMost: 0, from: 0, slots: [] },
          ...{ enters: false, exits: true, waitMs: 0, looks: false },
        })
        expect((await ask(a, { slots: [0, 1], looks: true })).otherPermits).toBeNull()
      })

      test.each([
        ['42n', 42n],
        ['[1, 2]', [1, 2]],
        ['a name in Unicode', 'ключ 🔑'],
        ['the smallest bigint', -(2n ** 63n)],
      ] as const)('the semaphore of %s has nothing to do with its lock', async (_, name) => {
        const a = await link('a')
        const codes = semaphore(1000, name)
        const slots = Array.from({ length: 1000 }, (_, i) => codes.slot(i).id)

        expect(new Set([key(name).id, codes.key.id, codes.shape.id, ...slots]).size).toBe(1003)
        const { taken } = await ask(a, { semaphore: codes, from: 999, atMost: 1000, enters: true })
        expect(taken).toHaveLength(1000)
        expect((await a.run([op('try', name)])).answers).toBe('g')
      })

      test('a session that ends frees its permits and its registration', async (context) => {
        needs(context, 'ends with the connection')
        const [a, b] = [await link('a'), await link('b')]
        await ask(a, { atMost: 5, enters: true })
        await ask(a, { kind: 'wait', atMost: 1, slots: [0, 1, 2, 3, 4] })

        await world.terminate(a.serverId)

        await expect.poll(async () => (await ask(b, { atMost: 5 })).taken.length).toBe(5)
        expect((await ask(b, { kind: 'release', slots: [0] })).said).toBe('done')
      })

      test('reconciling keeps the slots that are expected, and gives up the others', async () => {
        const [a, b] = [await link('a'), await link('b')]
        const { key: semaphoreKey, shape, slot } = semaphore(5)
        await ask(a, { atMost: 3, enters: true })
        await ask(a, { kind: 'wait', atMost: 4, slots: [0, 1, 2] })
        const expected: Holding[] = [
          { key: slot(1), what: 'exclusive' },
          { key: shape, what: 'shared' },
          { key: slot(2), what: 'exclusive' },
          { key: semaphoreKey, what: 'registration' },
        ]

        expect(await a.reconcile(expected)).toEqual([])

        expect(slotsOf(await ask(b, { atMost: 5 }))).toEqual([0, 3, 4])
        expect((await ask(b, { kind: 'release', slots: [0] })).said).toBe('wanted')
        expect(await a.reconcile([{ key: slot(3), what: 'exclusive' }])).toHaveLength(1)
        expect(slotsOf(await ask(b, { atMost: 5, slots: [3, 4] }))).toEqual([0, 1, 2])
        expect((await ask(b, { kind: 'release', slots: [0] })).said).toBe('done')
      })
    })

    describe('in strict mode', () => {
      beforeEach((context) => needs(context, 'hold records'))

      const strict = (sender: string, leaseMs = 24_000): Promise<LockLink> =>
        link(sender, { strict: true, leaseMs })

      // The first strict session sets the longest lease.
      beforeAll(async () => void (has('hold records') && (await strict('first', 30_000))))

      /** Requests the lock until it is granted, and returns the lock-delay of the grant. */
      async function delayOf(of: LockLink, text: string, name: LockKey): Promise<number> {
        let delayMs = -1
        const take = async (): Promise<string> => {
          const { answers, delaysMs } = await of.run([op(text, name)])
          delayMs = delaysMs?.[0] ?? 0
          return answers
        }
        await expect.poll(take, { timeout: 5000 }).toBe('g')
        return delayMs
      }

      test('a clean release delays no later holder', async () => {
        const [a, b] = [await strict('a'), await strict('b')]

        for (const mode of ['', ' shared']) {
          expect(await delayOf(a, `try${mode}`, 'clean')).toBe(0)
          expect(await ask(a, `release${mode}`, 'clean')).toBe('d')
          expect(await delayOf(b, 'try', 'clean')).toBe(0)
          expect(await ask(b, 'release', 'clean')).toBe('d')
        }
        await ask(a, 'try', 'clean')
        await ask(b, 'wait', 'clean')
        expect(await ask(a, 'yield', 'clean')).toBe('w')
        expect(await delayOf(b, 'retry', 'clean')).toBe(0)
        await b.run([op('release', 'clean')])
        await ask(a, 'leave', 'clean')
      })

      test('a writer that ends uncleanly delays all later holders by its lease', async () => {
        const [a, b, c] = [await strict('a', 12_000), await strict('b'), await strict('c')]
        await a.run([op('try', 'w1'), op('try', 'w2'), op('try', [4, 4])])

        await world.terminate(a.serverId)

        expect(await delayOf(b, 'try', 'w1')).toBe(12_000)
        expect(await delayOf(b, 'try shared', 'w2')).toBe(12_000)
        expect(await delayOf(c, 'try shared', 'w2')).toBe(12_000)
        const { answers, delaysMs } = await b.run([op('try', 'fresh'), op('try', [4, 4]), op('try', 'too')])
        expect({ answers, delaysMs }).toEqual({ answers: 'ggg', delaysMs: [0, 12_000, 0] })
      })

      test('a reader who ends uncleanly delays writers, by the longest lease, and no readers', async () => {
        const [a, b, c] = [await strict('a', 8000), await strict('b', 30_000), await strict('c')]
        await ask(a, 'try shared', 'r')
        await ask(b, 'try shared', 'r')
        await ask(a, 'join shared', 'r')

        await world.terminate(a.serverId)
        await world.terminate(b.serverId)

        expect(await delayOf(c, 'try shared', 'r')).toBe(0)
        await ask(c, 'release shared', 'r')
        expect(await delayOf(c, 'try', 'r')).toBe(30_000)
        await ask(c, 'release', 'r')
        expect(await delayOf(c, 'try', 'r'), 'and no trace of them is left').toBe(0)
      })

      test('a lock-delay that is over delays no later holder', async () => {
        const [a, b, c] = [await strict('a'), await strict('b'), await strict('c')]
        await a.run([op('try', 's1'), op('try', 's2')])
        await world.terminate(a.serverId)

        expect(await delayOf(b, 'try shared', 's1')).toBe(24_000)
        await b.delayEnded(key('s1'), 'shared')
        expect(await delayOf(c, 'try shared', 's1')).toBe(0)
        expect(await delayOf(b, 'try', 's2')).toBe(24_000)
        await b.delayEnded(key('s2'), 'exclusive')
        await ask(b, 'release', 's2')
        expect(await delayOf(c, 'try', 's2')).toBe(0)
      })

      test('a delay that was not waited out is not forgotten, however short the lease of who gave up', async () => {
        const [a, b, c] = [await strict('a', 24_000), await strict('b', 5000), await strict('c', 5000)]
        await a.run([op('try', 'd1'), op('try', 'd2'), op('try', 'd3')])
        await world.terminate(a.serverId)

        await delayOf(b, 'try', 'd1')
        await delayOf(b, 'try', 'd2')
        await delayOf(b, 'try shared', 'd3')
        expect((await b.run([op('releaseEarly', 'd1'), op('releaseEarly shared', 'd3')])).answers).toBe('dd')
        expect(await delayOf(c, 'try', 'd1')).toBe(24_000)
        expect(await delayOf(b, 'try', 'd3')).toBe(24_000)
        await world.terminate(b.serverId)
        expect(await delayOf(c, 'try', 'd2')).toBe(24_000)
      })

      test('hold records that a failed batch leaves delay the session itself', async () => {
        const [a, b] = [await strict('a'), await strict('b', 5000)]
        await ask(a, 'try', 'f')
        await world.terminate(a.serverId)
        await delayOf(b, 'try', 'f')

        await b.reconcile([])

        expect(await delayOf(b, 'try', 'f')).toBe(24_000)
      })

      test('a key that was yielded and kept is ours without delay, and marked', async () => {
        const [a, b] = [await strict('a'), await strict('b')]
        await ask(a, 'try', 'y')

        expect(await delayOf(a, 'yield', 'y')).toBe(0)
        await world.terminate(a.serverId)

        expect(await delayOf(b, 'try', 'y')).toBe(24_000)
      })

      test('others neither mark nor wait', async () => {
        const [a, b] = [await strict('a'), await link('b')]
        await ask(a, 'try', 'mixed')
        await world.terminate(a.serverId)

        expect(await delayOf(b, 'try', 'mixed')).toBe(0)
      })
    })

    test('the holder of a key is available as text', async () => {
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try')

      expect(await b.holderOf(key('orders'))).toMatch(String(a.serverId))
      expect(await a.holderOf(key('orders')), 'others than oneself').toBeNull()
      expect(await b.holderOf(key('free'))).toBeNull()
      await ask(a, 'release')
      expect(await b.holderOf(key('orders'))).toBeNull()
    })

    test('a terminated session frees its locks and its registration, and its client gets an error', async (context) => {
      needs(context, 'ends with the connection')
      const [a, b] = [await link('a'), await link('b')]
      await ask(a, 'try')
      await ask(b, 'try', 'busy')
      await ask(a, 'wait', 'busy')

      await world.terminate(a.serverId)

      await expect.poll(() => ended.length).toBeGreaterThan(0)
      await expect(a.run([op('try', 'other')])).rejects.toThrow()
      // MariaDB closes the connection of a killed session a moment before it frees the locks.
      await expect.poll(() => ask(b, 'try')).toBe('g')
      expect(await ask(b, 'release', 'busy')).toBe('d')
    })

    test('a connection that was used for locks can be used for something else', async () => {
      const a = await link('a')
      await ask(a, 'try')
      await ask(a, 'release')
      await a.heartbeat()

      await a.detach()

      expect(connections).toHaveLength(1)
      await world.factory.check!(connections[0]!)
    })

    async function listener(heard: string[] = []): Promise<ListeningConnection> {
      const connection = await world.factory.open(new AbortController().signal)
      connections.push(connection)
      return world.dialect.listen(connection, {
        onWakeUp: (id, sender) => heard.push(`rung ${id} by ${sender}`),
        onTicket: (id, sender) => heard.push(`claimed ${id} by ${sender}`),
        onMessage: (message, sender) => heard.push(`told ${message} by ${sender}`),
        onPublicMessage: () => undefined,
        onEnd: () => undefined,
      })
    }

    async function handlers(): Promise<string[]> {
      const heard: string[] = []
      await listener(heard)
      return heard
    }
  })
}
