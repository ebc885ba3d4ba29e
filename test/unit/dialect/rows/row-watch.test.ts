/** Which message tells a process that it has the lock, or that it may try. */
import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { encodeKey } from '../../../../src/dialect/postgres/keys/key.js'
import type { PlaceRow } from '../../../../src/dialect/rows/place.js'
import { RowWatch, type NotificationSource } from '../../../../src/dialect/rows/row-watch.js'
import { Waits } from '../../../../src/dialect/rows/waits.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'

const KEY = encodeKey(5n, '')
const SECRET = 'only for us'

const watches: RowWatch[] = []

afterEach(() => Promise.all(watches.splice(0).map((watch) => watch.stop())))

function proofOf(token: string, secret = SECRET): string {
  return createHash('sha256').update(`${secret} ${KEY.bits} ${token}`).digest('hex')
}

function row(owner: string | null, token: string, waiters: string): PlaceRow {
  return { key: KEY.bits, token, owner, is_unowned: owner === null, is_unread: true, waiters }
}

function world({ rows = [] as PlaceRow[] } = {}) {
  const waits = new Waits()
  waits.trust('7', SECRET)
  const woken: string[] = []
  const polled: string[][] = []
  const listened: string[] = []
  let notify: (memberId: string, payload: string) => void = () => undefined
  const source: NotificationSource = {
    changeMembers: (begin, end) => {
      listened.push(...begin, ...end.map((each) => `-${each}`))
      return Promise.resolve()
    },
    onNotified: (notified) => {
      notify = notified
      return () => undefined
    },
    check: () => Promise.resolve(),
    onEnd: () => () => undefined,
    stop: () => Promise.resolve(),
    destroy: () => undefined,
  }
  const watch = new RowWatch({
    poller: {
      places: (keys) => {
        polled.push([...keys])
        return Promise.resolve(rows)
      },
      check: () => Promise.resolve(),
      onEnd: () => () => undefined,
    },
    source,
    waits,
    handlers: {
      onPublicMessage: () => undefined,
      onWakeUp: (keyId) => void woken.push(keyId),
      onTicket: () => undefined,
      onMessage: () => undefined,
      onEnd: () => undefined,
    },
    random: new SeededRandom(1),
  })
  watches.push(watch)
  watch.start()
  const wait = (since: bigint | null = 1024n): void =>
    waits.add({ key: KEY, mode: 'exclusive', memberId: '7', isSemaphore: false, since, before: 99 })
  return { waits, woken, polled, listened, wait, rows, tell: (payload: string) => notify('7', payload) }
}

/** Lets all looks finish. The server answers at once in this test. */
async function looks(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test('a notification with a proof gives the lock without a look', async () => {
  const { wait, tell, waits, woken, polled } = world()
  wait()
  tell(`${KEY.bits} 2048 ${proofOf('2048')}`)
  await looks()

  expect(waits.of(KEY.id)).toMatchObject({ given: '2048', isWoken: true })
  expect(woken).toEqual([KEY.id])
  expect(polled).toEqual([])
})

test.each([
  ['without a proof', '2048'],
  ['with the proof of another secret', `2048 ${proofOf('2048', 'guessed')}`],
  ['with the proof of another token', `2048 ${proofOf('4096')}`],
  ['of an earlier turn, listened again', `1024 ${proofOf('1024')}`],
  ['that is no number', `0x800 ${proofOf('0x800')}`],
])('a notification %s only leads to a look', async (_, said) => {
  const { wait, tell, waits, woken, polled, rows } = world()
  rows.push(row('8', '2048', '7'))
  wait()
  tell(`${KEY.bits} ${said}`)
  await looks()

  expect(polled.length).toBeGreaterThan(0)
  expect(waits.of(KEY.id)).toMatchObject({ given: null })
  expect(woken).toEqual([])
})

test('a look at a row that names the member gives it the lock, if it was named since it began to wait', async () => {
  const { wait, tell, waits, woken, rows } = world()
  rows.push(row('7', '1024', ''))
  wait()
  tell(`${KEY.bits} 4096`)
  await looks()
  expect(waits.of(KEY.id)).toMatchObject({ given: null })

  rows[0] = row('7', '3072', '')
  tell(`${KEY.bits} 4096`)
  await looks()
  expect(waits.of(KEY.id)).toMatchObject({ given: '3072', isWoken: true })
  expect(woken).toContain(KEY.id)
})

test('a notification that comes before the wait is known is not lost', () => {
  const { wait, tell, waits } = world()
  tell(`${KEY.bits} 2048 ${proofOf('2048')}`)
  wait()

  expect(waits.of(KEY.id)).toMatchObject({ given: '2048' })
})

test('a notification for an earlier wait does not grant the lock to the next', () => {
  const { wait, tell, waits } = world()
  tell(`${KEY.bits} 2048 ${proofOf('2048')}`)
  wait(2048n)

  expect(waits.of(KEY.id)).toMatchObject({ given: null })
})

test('a notification without a token, for readers and permits, leads to an attempt', () => {
  const { wait, tell, woken, waits } = world()
  wait()
  tell(KEY.bits)

  expect(woken).toEqual([KEY.id])
  expect(waits.of(KEY.id)).toMatchObject({ given: null, isWoken: true })
})

test('notifications are for one member', () => {
  const { wait, tell, waits, woken } = world()
  waits.add({ key: KEY, mode: 'exclusive', memberId: '8', isSemaphore: false, since: 1n, before: 0 })
  tell(`${KEY.bits} 2048 ${proofOf('2048')}`)
  expect(woken).toEqual([])
  waits.remove(KEY)
  wait()
  expect(woken).toEqual([KEY.id])
})
