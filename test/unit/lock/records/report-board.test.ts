import { expect, test } from 'vitest'
import { decodeReport, encodeReport, type SessionReport } from '../../../../src/dialect/session-report.js'
import { fakeWorld, type FakeWorld } from '../../../support/fake-world.js'

/** The reports that were written: labels and ages of the holds and waits, or `same` for a report without changes. */
function written(world: FakeWorld): string[] {
  return world.server.reports.map(({ serverId, content, clockMs }) => {
    if (content === null) return 'same'
    const { holds, waits } = decodeReport(serverId, content, clockMs, 0, true)!
    const parts = [...holds].map(([, { heldMs, label }]) => `${label ?? '-'} ${heldMs}`)
    return [
      ...parts,
      ...[...waits].map(([, { waitedMs, label }]) => `waits ${label ?? '-'} ${waitedMs}`),
    ].join(', ')
  })
}

test('a lock that is held for two seconds is reported once, and then as still held, until its release', async () => {
  const world = fakeWorld({ keepsReports: true })
  const locks = world.pool()
  const lock = await locks.acquire('orders', { label: 'closing the month' })
  await world.clock.run(1000)
  // The report names the process of the session at once, and leaves out holds that have just begun.
  expect(written(world)).toEqual([''])
  await world.clock.run(4000)
  expect(written(world)).toEqual(['', 'closing the month 2000', 'same', 'same', 'same'])
  await lock.release()
  await world.clock.run(3000)
  expect(written(world).slice(5)).toEqual([''])
})

test('a lock that is taken again is another one, and locks that come and go cost nothing', async () => {
  const world = fakeWorld({ keepsReports: true })
  const locks = world.pool()
  const first = await locks.acquire('orders')
  await world.clock.run(5000)
  await first.release()
  await locks.acquire('orders')
  await world.clock.run(4000)
  expect(written(world).filter((words) => words !== 'same')).toEqual(['', '- 2000', '', '- 2000'])

  const busy = fakeWorld({ keepsReports: true })
  const others = busy.pool()
  for (let i = 0; i < 30; i++) {
    const lock = await others.acquire('orders')
    await busy.clock.run(300)
    await lock.release()
  }
  expect(written(busy)).toEqual([''])
})

test('a long wait is reported too, in any process', async () => {
  const world = fakeWorld({ keepsReports: true })
  const [holder, waiter] = [world.pool({ keyNames: 'off' }), world.pool()]
  await holder.acquire('orders')
  const waiting = waiter.acquire('orders', { label: 'in vain', timeoutMs: 60_000 })
  waiting.catch(() => undefined)
  await world.clock.run(5000)
  expect(written(world).some((words) => /^waits in vain [23]\d{3}$/.test(words))).toBe(true)
})

test.each([
  ['there is no place for it', {}, {}],
  ['names are off', { keepsReports: true }, { keyNames: 'off' }],
  ['there is one connection', { keepsReports: true }, { max: 1 }],
] as const)('nothing is reported, and no timer runs, if %s', async (_, server, options) => {
  const world = fakeWorld(server)
  const plain = fakeWorld()
  await world.pool(options).acquire('kept')
  await plain.pool(options).acquire('kept')
  expect(world.clock.armed).toBe(plain.clock.armed)
  await world.clock.run(5000)
  expect(world.server.reports).toEqual([])
})

test('a failed report is a warning, and a minute later all of it is reported again', async () => {
  const world = fakeWorld({ keepsReports: true })
  const locks = world.pool()
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  await locks.acquire('orders')
  await world.clock.run(3000)
  const { dialect } = world.server
  const writeReports = dialect.writeReports.bind(dialect)
  dialect.writeReports = () => Promise.reject(new Error('there is no such table'))
  await world.clock.run(5000)
  expect(warnings).toEqual(['ages of locks are not recorded'])
  dialect.writeReports = writeReports
  const before = world.server.reports.length
  await world.clock.run(62_000)
  expect(written(world)[before]).toMatch(/^- \d+$/)
  expect(warnings).toHaveLength(1)
})

const REPORT: SessionReport = {
  serverId: 7,
  process: { host: 'wéb-3', id: 88 },
  holds: new Map([['12', { heldMs: 90_000, label: 'Straße \u0000 \u{1f512}' }]]),
  waits: new Map([['13', { waitedMs: 500, label: null, callers: 4 }]]),
  completeFromMs: 2000,
}

test('a written report is ASCII, without characters that a database cannot hold, and reads back the same', () => {
  const text = encodeReport(REPORT, 100_000)
  expect(text).toMatch(/^[\x20-\x7e]+$/)
  expect(decodeReport(7, text, 100_000, 0, true)).toEqual({ ...REPORT, completeFromMs: 3000 })
  // The text stays the same while the session holds and waits for the same keys.
  const later: SessionReport = {
    ...REPORT,
    holds: new Map([['12', { heldMs: 91_000, label: REPORT.holds.get('12')!.label }]]),
    waits: new Map([['13', { ...REPORT.waits.get('13')!, waitedMs: 1500 }]]),
  }
  expect(encodeReport(later, 101_000)).toBe(text)
})

test('an older report has older ages, and later only its process counts', () => {
  const text = encodeReport(REPORT, 100_000)
  const fresh = decodeReport(7, text, 100_000, 1500, false)!
  expect(fresh.holds.get('12')!.heldMs).toBe(91_500)
  expect(fresh.completeFromMs).toBe(4500)
  const old = decodeReport(7, text, 100_000, 6000, true)!
  expect([old.holds.size, old.waits.size, old.completeFromMs]).toEqual([0, 0, null])
  expect(old.process).toEqual(REPORT.process)
  // If the session may be another one by now, the report is not used at all.
  expect(decodeReport(7, text, 100_000, 6000, false)).toBeNull()
})

test('of too many holds the oldest are reported, and the rest are left out', () => {
  const holds = new Map(Array.from({ length: 600 }, (_, i) => [`${i}`, { heldMs: i, label: null }]))
  const decoded = decodeReport(7, encodeReport({ ...REPORT, holds }, 1000), 1000, 0, true)!
  expect(decoded.holds.size).toBe(500)
  expect(decoded.holds.has('599') && !decoded.holds.has('0')).toBe(true)
  expect(decoded.completeFromMs).toBeNull()
})

test.each(['', 'null', '[]', '{"process":{}}', '{"holds":[],"waits":[]}', 'not JSON'])(
  'an invalid report is ignored: %s',
  (text) => {
    expect(decodeReport(7, text, 0, 0, true)).toBeNull()
  },
)

test('a request for a lock reaches its holder once: the event, and the signal of the lock', async () => {
  const world = fakeWorld({ keepsReports: true })
  const locks = world.pool()
  const heard: unknown[] = []
  locks.on('lock:requested', (event) => heard.push(event))
  const [lock, other] = [await locks.acquire('orders'), await locks.acquire('other')]
  const { serverId } = locks.snapshot().sessions[0]!
  const keyId = world.server.dialect.encodeKey('orders', '').id
  world.server.releaseRequests = [
    { serverId, keyId, permit: null, reason: 'maintenance' },
    { serverId: serverId + 1000, keyId, permit: null, reason: 'another session' },
  ]
  await world.clock.run(4000)

  expect(heard).toEqual([
    { key: 'orders', mode: 'exclusive', heldMs: expect.any(Number), reason: 'maintenance' },
  ])
  expect(lock.requested.aborted).toBe(true)
  expect(String(lock.requested.reason)).toContain('maintenance')
  expect([lock.state, other.requested.aborted, lock.signal.aborted]).toEqual(['held', false, false])
  await lock.release()
})

test('a request for a permit reaches the holder of that permit', async () => {
  const world = fakeWorld({ keepsReports: true })
  const locks = world.pool()
  const permits = [await locks.semaphore('pdf', 2).acquire(), await locks.semaphore('pdf', 2).acquire()]
  const { serverId } = locks.snapshot().sessions[0]!
  const keyId = world.server.dialect.encodeSemaphore('pdf', 2, '').key.id
  world.server.releaseRequests = [{ serverId, keyId, permit: 2, reason: null }]
  await world.clock.run(4000)

  const asked = permits.filter(({ requested }) => requested.aborted)
  expect(asked.map(({ number }) => number)).toEqual([2])
})
