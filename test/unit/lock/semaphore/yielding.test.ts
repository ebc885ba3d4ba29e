/** What a semaphore does about other processes that want its permits: it waits in the queue, listens, or yields. */
import { describe, expect, test } from 'vitest'
import { ScriptedSemaphore } from '../../../support/scripted-semaphore.js'

/** A semaphore that knows that other processes want its permits. */
async function hot(permits: number): Promise<ScriptedSemaphore> {
  const jobs = new ScriptedSemaphore(permits)
  const asked = jobs.lostRace()
  jobs.joinBatch()
  jobs.reply('done')
  jobs.joinBatch()
  jobs.reply('done', [0])
  void (await asked).release()
  jobs.joinBatch()
  jobs.reply('done')
  return jobs
}

describe('the queue of the server', () => {
  test('after a lost race the entry leaves, and waits there, for a quarter of a second at most', () => {
    const jobs = new ScriptedSemaphore(2)
    void jobs.lostRace()
    expect(jobs.tickets).toBe(1)
    expect(jobs.joinBatch()).toMatchObject({ kind: 'leave' })
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'enqueue', atMost: 1, enters: true, waitMs: 250 })
    expect(jobs.entry.state).toBe('queued')
  })

  test('an answer from there is for the first caller alone', () => {
    const jobs = new ScriptedSemaphore(2)
    void jobs.lostRace()
    jobs.joinBatch()
    void jobs.acquire()
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'enqueue', atMost: 2 })
    const [first, second] = [...jobs.entry.queue]
    expect([jobs.entry.isAskingFor(first!), jobs.entry.isAskingFor(second!)]).toEqual([true, false])
  })

  test('if other keys have come on the session before it departs, the entry asks for another', () => {
    const jobs = new ScriptedSemaphore(1)
    void jobs.lostRace()
    jobs.joinBatch()
    jobs.reply('done')
    jobs.isAlone = false
    expect(jobs.joinBatch()).toBeNull()
    jobs.isAlone = true
    expect(jobs.joinBatch()).toMatchObject({ kind: 'enqueue' })
  })

  test('an entry that only lacks a session to itself asks for one when it registers, and only then', () => {
    const jobs = new ScriptedSemaphore(1)
    void jobs.lostRace()
    jobs.joinBatch()
    jobs.isAlone = jobs.mayEnqueue = false
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'wait' })
    expect(jobs.wantsAlone).toBe(1)
    jobs.reply('waiting')
    jobs.entry.woken('other')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'retry' })
    expect(jobs.wantsAlone).toBe(1)
  })

  test('a permit that was free at the first attempt says nothing about other processes', async () => {
    const jobs = new ScriptedSemaphore(1)
    const [permit] = await jobs.taken(0)
    void permit!.release()
    jobs.joinBatch()
    jobs.reply('done')
    void jobs.acquire()
    jobs.joinBatch()
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'wait' })
  })

  test('a permit that came soon after a wake-up says that others want it: the next wait is in the queue', async () => {
    const jobs = new ScriptedSemaphore(1)
    const waiting = jobs.waiting()
    jobs.entry.woken('other')
    jobs.joinBatch()
    jobs.reply('done', [0])
    void (await waiting).release()
    jobs.joinBatch()
    jobs.reply('done')
    void jobs.acquire()
    // The first attempt costs less than the queue, and often succeeds.
    expect(jobs.joinBatch()).toMatchObject({ kind: 'take' })
    jobs.reply('done')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'enqueue' })
  })

  test('an entry that listens stays where it is until it loses a race, though others want the permits', async () => {
    const jobs = new ScriptedSemaphore(1)
    const waiting = jobs.waiting()
    jobs.entry.woken('other')
    jobs.joinBatch()
    jobs.reply('done', [0])
    void (await waiting).release()
    jobs.joinBatch()
    jobs.reply('done')
    jobs.mayEnqueue = false
    void jobs.waiting()
    jobs.mayEnqueue = true
    jobs.entry.touch()
    expect(jobs.joinBatch()).toBeNull()
    expect(jobs.entry.state).toBe('waiting')
  })

  /** One wait in the queue after a failed first attempt. Returns whether the entry waits there. */
  async function enqueue(jobs: ScriptedSemaphore, said: 'free' | 'done'): Promise<boolean> {
    const asked = jobs.acquire()
    jobs.joinBatch()
    jobs.reply('done')
    const { kind } = jobs.joinBatch()!
    jobs.reply(kind === 'enqueue' ? said : 'done', [0])
    void (await asked).release()
    jobs.joinBatch()
    jobs.reply('done')
    return kind === 'enqueue'
  }

  test('is left after three free permits for each that there is: no other process wants them any more', async () => {
    const jobs = await hot(2)
    const enqueued: boolean[] = []
    for (let i = 0; i < 7; i++) enqueued.push(await enqueue(jobs, 'free'))
    expect(enqueued).toEqual([true, true, true, true, true, true, false])
  })

  test('is used as long as permits come from other processes, and for two seconds after', async () => {
    const jobs = await hot(1)
    const enqueued: boolean[] = []
    for (let i = 0; i < 4; i++) {
      jobs.clock.advance(1500)
      enqueued.push(await enqueue(jobs, 'done'))
    }
    jobs.clock.advance(2001)
    enqueued.push(await enqueue(jobs, 'done'))
    expect(enqueued).toEqual([true, true, true, true, false])
  })

  test('of a permit for which other processes wait there already is joined at once', async () => {
    const jobs = new ScriptedSemaphore(1)
    const [permit] = await jobs.taken(0)
    void permit!.release()
    jobs.joinBatch()
    jobs.reply('awaited')
    void jobs.acquire()
    expect(jobs.joinBatch()).toMatchObject({ kind: 'enqueue' })
  })
})

describe('a process that listens', () => {
  test('looks once when wake-ups begin to arrive, because it may have missed one', () => {
    const jobs = new ScriptedSemaphore(1)
    void jobs.waiting()
    expect(jobs.joinBatch()).toBeNull()
    jobs.entry.listening()
    expect(jobs.joinBatch()).toMatchObject({ kind: 'retry' })
  })

  test('looks again after an attempt that was under way when wake-ups began to arrive', () => {
    const jobs = new ScriptedSemaphore(1)
    void jobs.acquire()
    jobs.joinBatch()
    jobs.reply('done')
    jobs.joinBatch()
    jobs.entry.listening()
    expect(jobs.joinBatch()).toBeNull()
    jobs.reply('waiting')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'retry' })
  })

  test('has lost a race only if it got nothing', () => {
    const jobs = new ScriptedSemaphore(2)
    void jobs.acquire()
    void jobs.waiting()
    jobs.entry.woken('other')
    expect(jobs.joinBatch()).toMatchObject({ kind: 'retry', atMost: 2 })
    jobs.reply('waiting', [0])
    expect(jobs.tickets).toBe(0)
  })

  test('looks soon where it can not register, and seldom where it can', () => {
    const msUntilLook = (said: 'waiting' | 'crowded'): number => {
      const jobs = new ScriptedSemaphore(1)
      void jobs.acquire()
      jobs.joinBatch()
      jobs.reply('done')
      jobs.joinBatch()
      jobs.reply(said)
      let ms = 0
      while (jobs.joinBatch() === null) {
        jobs.clock.advance(1)
        ms++
      }
      return ms
    }
    expect(msUntilLook('crowded')).toBeLessThan(msUntilLook('waiting') / 2)
  })
})

describe('a process that yields', () => {
  /** A release that another process may be waiting for, and a caller that comes right after it. */
  async function yielding(jobs: ScriptedSemaphore): Promise<void> {
    const [permit] = await jobs.taken(0)
    void permit!.release()
    jobs.joinBatch()
    jobs.reply('wanted')
    void jobs.acquire().then((next) => next.release())
  }

  test('does not ask until the others had the time to come', async () => {
    const jobs = new ScriptedSemaphore(1)
    await yielding(jobs)
    expect(jobs.notifications).toBe(1)
    expect(jobs.joinBatch()).toBeNull()
    jobs.clock.advance(1000)
    expect(jobs.joinBatch()).toMatchObject({ kind: 'wait' })
  })

  test('asks at once if no process heard the wake-up', async () => {
    const jobs = new ScriptedSemaphore(1)
    await yielding(jobs)
    jobs.entry.notified(true)
    expect(jobs.joinBatch()).toBeNull()
    jobs.entry.notified(false)
    expect(jobs.joinBatch()).toMatchObject({ kind: 'wait' })
  })

  type OtherProcesses = 'come' | 'stay away' | 'have gone'

  /**
   * One caller takes the permit again and again, while the server reports that other processes want it. Returns for each time
   * whether this process yielded.
   */
  async function yieldsEachTime(others: readonly OtherProcesses[]): Promise<boolean[]> {
    const jobs = new ScriptedSemaphore(1)
    jobs.mayEnqueue = false
    let [permit] = await jobs.taken(0)
    const yielded: boolean[] = []
    for (const each of others) {
      void permit!.release()
      jobs.joinBatch()
      jobs.reply(each === 'have gone' ? 'done' : 'wanted')
      const next = jobs.acquire()
      let asked = jobs.joinBatch()
      yielded.push(asked === null)
      if (asked === null) {
        jobs.clock.advance(10)
        asked = jobs.joinBatch()
      }
      if (each === 'come' && asked?.kind === 'wait') {
        jobs.reply('waiting')
        jobs.entry.woken('other')
        jobs.joinBatch()
      }
      jobs.reply('done', [0])
      permit = await next
    }
    return yielded
  }

  const absences = Array.from({ length: 9 }, () => 'stay away' as const)
  const always = (length: number): boolean[] => Array.from({ length }, () => true)

  test('stops for a while after nine times without success', async () => {
    expect(await yieldsEachTime([...absences, 'stay away'])).toEqual([...always(9), false])
  })

  test('continues if other processes come now and then', async () => {
    const others = [...absences.slice(1), 'come' as const, ...absences.slice(1), 'stay away' as const]
    expect(await yieldsEachTime(others)).toEqual(always(others.length))
  })

  test('trusts them again when none is registered any more', async () => {
    const others = [...absences.slice(1), 'have gone' as const, ...absences.slice(1), 'stay away' as const]
    expect(await yieldsEachTime(others)).toEqual(others.map((each) => each !== 'have gone'))
  })

  test.each([
    ['came from another process there', 'done' as const, always(12)],
    ['was free all the time', 'free' as const, [...always(9), false]],
  ])('and then waits in the queue: a permit that %s', async (_, said, expected) => {
    const jobs = await hot(1)
    let [permit] = await jobs.taken(0)
    const yielded: boolean[] = []
    while (yielded.length < expected.length) {
      void permit!.release()
      jobs.joinBatch()
      jobs.reply('wanted')
      const next = jobs.acquire()
      let asked = jobs.joinBatch()
      yielded.push(asked === null)
      if (asked === null) {
        jobs.clock.advance(10)
        asked = jobs.joinBatch()
      }
      jobs.reply(asked!.kind === 'enqueue' ? said : 'done', [0])
      permit = await next
    }
    expect(yielded).toEqual(expected)
  })
})
