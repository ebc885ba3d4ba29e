/** What a semaphore asks of the server, one operation after another. */
import { describe, expect, test } from 'vitest'
import { LockTableFullError } from '../../../../src/base/errors.js'
import { REGISTRATION_ENTRIES } from '../../../../src/lock/contention/lock-table-waiters.js'
import { rejection, stateOf } from '../../../support/fake-world.js'
import { ScriptedSemaphore } from '../../../support/scripted-semaphore.js'

const NOTHING = { atMost: 0, from: 0, slots: [], enters: false, exits: false, waitMs: 0, looks: false }

describe('an operation says which permits this process has, and whether it enters or leaves', () => {
  test('a first attempt enters, a second does not', async () => {
    const jobs = new ScriptedSemaphore(3)
    void jobs.acquire()
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'take', atMost: 1, enters: true })
    expect(jobs.entry.state).toBe('taking')
    jobs.reply('done', [2])

    void jobs.acquire()
    void jobs.acquire()
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'take', atMost: 2, slots: [2] })
  })

  test('a registration enters only without permits, and does not exit while one is here', async () => {
    const jobs = new ScriptedSemaphore(2)
    const [permit] = await jobs.taken(0)
    const waiting = jobs.acquire(100)
    jobs.joinBatch()
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'wait', atMost: 1, slots: [0] })
    expect(jobs.entry.state).toBe('polling')
    jobs.reply('waiting')

    const timedOut = rejection(waiting)
    jobs.clock.advance(100)
    await timedOut
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'leave' })
    expect(jobs.entry.state).toBe('leaving')
    jobs.reply('done')

    void permit!.release()
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'release', slots: [0], exits: true })
  })

  test('without permits a registration enters, a look does not, and the last caller exits', async () => {
    const jobs = new ScriptedSemaphore(1)
    const waiting = jobs.acquire(10_000)
    jobs.joinBatch()
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'wait', atMost: 1, enters: true })
    jobs.reply('waiting')

    jobs.entry.woken('other')
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'retry', atMost: 1 })
    jobs.reply('waiting')
    const timedOut = rejection(waiting)
    jobs.mayEnqueue = false
    jobs.clock.advance(10_000)
    await timedOut
    // The entry may have polled meanwhile.
    for (let i = 0; i < 3 && jobs.entry.state !== 'waiting'; i++) jobs.reply('waiting')
    const leaving = jobs.joinBatch()
    expect(leaving).toMatchObject({ ...NOTHING, kind: 'leave', exits: true })
  })

  test('a look of its own is an attempt like the one after a wake-up', () => {
    const jobs = new ScriptedSemaphore(1)
    void jobs.waiting()
    jobs.clock.advance(5000)
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'retry', atMost: 1 })
    expect(jobs.entry.state).toBe('polling')
  })

  test('a process that yields does not exit, because a local caller still waits', async () => {
    const jobs = new ScriptedSemaphore(2)
    const [permit] = await jobs.taken(0)
    void jobs.waiting()
    // After this time a permit may not pass to a local caller without a look at other processes.
    jobs.mayEnqueue = false
    jobs.clock.advance(40)
    void permit!.release()
    expect(jobs.joinBatch()).toMatchObject({ ...NOTHING, kind: 'release', slots: [0] })
    expect(jobs.entry.state).toBe('yielding')
  })
})

test('attempts begin at a slot by chance', () => {
  const jobs = new ScriptedSemaphore(3)
  jobs.chance = 0.99
  void jobs.acquire()
  expect(jobs.joinBatch()!.from).toBe(2)
})

test('the entry states exactly what the server should hold for it', async () => {
  const jobs = new ScriptedSemaphore(2)
  const what = (): string[] => jobs.entry.holding().map(({ key, what: each }) => `${key.id} ${each}`)
  expect(what()).toEqual([])
  const [permit] = await jobs.taken(1)
  expect(what()).toEqual(['s:1 exclusive', 'shape shared'])
  void permit!.release()
  jobs.joinBatch()
  jobs.reply('done')
  void jobs.waiting()
  expect(what()).toEqual(['s registration', 'shape shared'])
})

describe('a failed operation', () => {
  const trouble = new LockTableFullError('out of shared memory')

  test('that was a release is confirmed, and waiters elsewhere are woken, if nothing is in doubt', async () => {
    const jobs = new ScriptedSemaphore(1)
    const [permit] = await jobs.taken(0)
    const released = permit!.release()
    jobs.joinBatch()
    jobs.entry.failed(trouble, false)
    expect(await stateOf(released)).toBe('fulfilled')
    expect(jobs.notifications).toBe(1)
  })

  test('that was a release is not confirmed while it is in doubt', async () => {
    const jobs = new ScriptedSemaphore(1)
    const [permit] = await jobs.taken(0)
    const released = permit!.release()
    jobs.joinBatch()
    jobs.entry.failed(trouble, false, false)
    expect(await stateOf(released)).toBe('pending')
    expect(jobs.notifications).toBe(0)
    const lost = rejection(released)
    jobs.entry.lost('the session ended')
    expect(await lost).toMatchObject({ code: 'LOCK_LOST' })
  })

  test('that was an attempt is repeated if nothing is wrong with it, and refuses its callers otherwise', async () => {
    const jobs = new ScriptedSemaphore(1)
    const asked = jobs.acquire()
    jobs.joinBatch()
    jobs.entry.failed(trouble, true)
    expect(await stateOf(asked)).toBe('pending')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'take' })
    const refused = rejection(asked)
    jobs.entry.failed(trouble, false)
    expect(await refused).toBe(trouble)
  })
})

describe('where the lock table is nearly full', () => {
  const full = new LockTableFullError('full')

  test('nothing is asked while the answer is not known', async () => {
    const jobs = new ScriptedSemaphore(2)
    jobs.admit = () => 'later'
    const asked = jobs.acquire()
    expect(jobs.joinBatch()).toBeNull()
    expect(await stateOf(asked)).toBe('pending')
    jobs.admit = () => 'now'
    jobs.entry.proceed()
    expect(jobs.joinBatch()).toMatchObject({ kind: 'take' })
  })

  test('one permit is asked for where there is no room for two', () => {
    const jobs = new ScriptedSemaphore(2)
    jobs.admit = (entries) => (entries > 1 ? full : 'now')
    void jobs.acquire()
    void jobs.acquire()
    expect(jobs.joinBatch()).toMatchObject({ atMost: 1 })
    expect(jobs.admissions).toEqual([2, 1])
  })

  test('none is asked for while it is not known whether there is room for one', async () => {
    const jobs = new ScriptedSemaphore(2)
    jobs.admit = (entries) => (entries > 1 ? full : 'later')
    const asked = [jobs.acquire(), jobs.acquire()]
    expect(jobs.joinBatch()).toBeNull()
    expect(await Promise.all(asked.map(stateOf))).toEqual(['pending', 'pending'])
  })

  test('a single caller is refused after one question', async () => {
    const jobs = new ScriptedSemaphore(2)
    jobs.admit = () => full
    const refused = rejection(jobs.acquire())
    expect(jobs.joinBatch()).toBeNull()
    expect(await refused).toBe(full)
    expect(jobs.admissions).toEqual([1])
  })

  test('a registration needs room for itself, and without it the process tries now and then', async () => {
    const jobs = new ScriptedSemaphore(2)
    const asked = [jobs.acquire(), jobs.acquire()]
    jobs.joinBatch()
    jobs.reply('done')
    jobs.admissions.length = 0
    jobs.admit = () => full
    expect(jobs.joinBatch()).toBeNull()
    expect(jobs.admissions).toEqual([2 + REGISTRATION_ENTRIES, 1 + REGISTRATION_ENTRIES])
    expect(await Promise.all(asked.map(stateOf))).toEqual(['pending', 'pending'])
  })

  test('a caller that would wait in the queue of the server is refused', async () => {
    const jobs = new ScriptedSemaphore(1)
    const asked = jobs.lostRace()
    jobs.joinBatch()
    jobs.reply('done')
    jobs.admit = () => full
    const refused = rejection(asked)
    expect(jobs.joinBatch()).toBeNull()
    expect(await refused).toBe(full)
  })
})
