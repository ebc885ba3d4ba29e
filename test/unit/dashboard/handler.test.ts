import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ErrorLog } from '../../../src/dashboard/error-log.js'
import { acceptsGzip } from '../../../src/dashboard/response.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { DashboardWorld, problemOf, TOKEN } from '../../support/dashboard-world.js'

/** The start time of every session of the fake. */
const BEGUN = '2026-01-01 00:00:00+00'

describe('responses', () => {
  test('the page, its modules and its state, each with the headers that keep everything else out', async () => {
    const world = new DashboardWorld()
    for (const path of ['/', '/page/main.js', '/api/state', '/nowhere']) {
      const { headers } = await world.get(path)
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/)
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|data:|https?:|\*/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
    }
    expect((await world.get('/')).headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await problemOf(await world.get('/nowhere'))).toEqual([404, 'NOT_FOUND'])
    expect(await problemOf(await world.get('/api/end'))).toEqual([405, 'METHOD_REFUSED'])
    expect(await problemOf(await world.get('/api/state', {}, 'DELETE'))).toEqual([405, 'METHOD_REFUSED'])
  })

  test('below the path it is mounted at, and nowhere else', async () => {
    const world = new DashboardWorld({ path: '/admin/locks' })
    const bare = await world.get('/admin/locks')
    expect([bare.status, bare.headers.get('location')]).toEqual([308, '/admin/locks/'])
    expect((await world.get('/admin/locks/')).status).toBe(200)
    expect((await world.get('/admin/locks/api/state')).status).toBe(200)
    expect((await world.get('/')).status).toBe(404)
    expect((await world.get('/admin/lockstep/')).status).toBe(404)
  })

  test('unchanged content is not sent again, and content is compressed for clients that accept it', async () => {
    const world = new DashboardWorld()
    const plain = await world.get('/page/main.js')
    const zipped = await world.get('/page/main.js', { 'accept-encoding': 'br, gzip' })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    const bytes = Buffer.from(await zipped.arrayBuffer())
    expect(gunzipSync(bytes).toString()).toBe(await plain.text())
    const etag = plain.headers.get('etag')!
    expect((await world.get('/page/main.js', { 'if-none-match': etag })).status).toBe(304)
    const state = await world.get('/api/state', { 'accept-encoding': 'gzip' })
    expect(state.headers.get('cache-control')).toBe('no-store')
    const { version } = JSON.parse(
      gunzipSync(Buffer.from(await state.arrayBuffer())).toString(),
    ) as object & {
      version: number
    }
    expect(version).toBe(1)
  })
})

test('a request of Next.js, which drops the header of compressed answers, gets one that is not compressed', async () => {
  const request = new Request('http://localhost/', { headers: { 'accept-encoding': 'gzip' } })
  expect(acceptsGzip(request)).toBe(true)
  expect(acceptsGzip(Object.assign(request, { nextUrl: new URL(request.url) }))).toBe(false)
})

test('metrics are gauges that Prometheus can read, and need the token if reading needs it', async () => {
  const world = new DashboardWorld()
  const { headers, status } = await world.get('/metrics')
  expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const text = await (await world.get('/metrics')).text()
  const samples = Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(' ') as [string, string]),
  )
  expect(samples).toMatchObject({
    lockpool_server_up: '1',
    'lockpool_server_locks{kind="advisory"}': '1',
    'lockpool_server_locks{kind="row"}': '0',
    lockpool_server_holders: '1',
    lockpool_server_waiters: '1',
    lockpool_server_longest_wait_seconds: '8',
    'lockpool_server_findings{severity="problem"}': '1',
    'lockpool_server_findings{severity="warning"}': '0',
    lockpool_server_connections_used: '3',
  })
  expect(await problemOf(await world.get('/metrics', {}, 'POST'))).toEqual([405, 'METHOD_REFUSED'])

  const guarded = new DashboardWorld({ readers: 'token', token: TOKEN })
  expect(await problemOf(await guarded.get('/metrics'))).toEqual([401, 'TOKEN_NEEDED'])
  expect((await guarded.get('/metrics', { authorization: `Bearer ${TOKEN}` })).status).toBe(200)
})

test('metrics say when the server can not be inspected', async () => {
  const world = new DashboardWorld({}, { look: () => Promise.reject(new Error('no route')) })

  const text = await (await world.get('/metrics')).text()

  expect(text).toContain('\nlockpool_server_up 0\n')
  expect(text).not.toContain('lock_table')
})

describe('who may read', () => {
  test('only under names of this host, or allowed names, on any port', async () => {
    const loopback = new DashboardWorld()
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:7433', '[::1]:80'])
      expect((await loopback.get('/', { host })).status).toBe(200)
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.example:7433'])
      expect(await problemOf(await loopback.get('/', { host }))).toEqual([403, 'HOST_REFUSED'])
    const named = new DashboardWorld({ hosts: ['admin.example'] })
    expect((await named.get('/', { host: 'admin.example:8443' })).status).toBe(200)
    expect((await named.get('/', { host: 'localhost' })).status).toBe(403)
  })

  test('no other site', async () => {
    const world = new DashboardWorld()
    for (const site of ['cross-site', 'same-site'])
      expect(await problemOf(await world.get('/api/state', { 'sec-fetch-site': site }))).toEqual([
        403,
        'SITE_REFUSED',
      ])
    expect((await world.get('/api/state', { 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    expect(world.looks).toBe(1)
  })

  test('with readers: only clients with the token; the page itself is public', async () => {
    const world = new DashboardWorld({ token: TOKEN, readers: 'token' })
    expect((await world.get('/')).status).toBe(200)
    expect(await problemOf(await world.get('/api/state'))).toEqual([401, 'TOKEN_NEEDED'])
    const wrong = { authorization: 'Bearer of bad news, with the length' }
    expect(await problemOf(await world.get('/api/state', wrong))).toEqual([401, 'TOKEN_REFUSED'])
    expect((await world.get('/api/state', { authorization: `Bearer ${TOKEN}` })).status).toBe(200)
    expect(world.looks).toBe(1)
  })

  test.each([10, 1000])('a client with the token, while another one guesses: %i times', async (guesses) => {
    const world = new DashboardWorld({ token: TOKEN, readers: 'token', ending: true })
    const guess = (token: string) => world.get('/api/state', { authorization: `Bearer ${token}` })
    for (let i = 0; i < guesses; i++) {
      const response = await (i % 2 === 0
        ? guess(`guess ${i}`)
        : world.end({}, { authorization: `Bearer guess ${i}` }))
      expect(response.status).toBe(i < 10 ? 401 : 429)
    }
    expect(await problemOf(await guess('one more'))).toEqual([429, 'TOO_MANY_GUESSES'])
    // The client with the token is not locked out.
    expect((await guess(TOKEN)).status).toBe(200)
    expect((await world.end({ pid: 1, startedAt: BEGUN, confirm: '1' })).status).toBe(200)
    expect(world.reported.map((error) => error.message)).toContain(
      'too many wrong tokens were sent to the dashboard',
    )
    world.clock.advance(60_000)
    expect((await guess('later')).status).toBe(401)
  })
})

describe('who may end a session', () => {
  const target = { pid: 1, startedAt: BEGUN, confirm: '1' }
  const open = () => new DashboardWorld({ token: TOKEN, ending: true })

  test('no client, unless the options allow it', async () => {
    const world = new DashboardWorld({ token: TOKEN })
    expect(await problemOf(await world.end(target))).toEqual([403, 'READ_ONLY'])
    expect((await world.state()).mayEnd).toBe(false)
    expect(world.ended).toEqual([])
  })

  test('the page, with the token', async () => {
    const world = open()
    expect((await world.state()).mayEnd).toBe(true)
    const answer = await world.end(target)
    expect([answer.status, await answer.json()]).toEqual([200, { ended: true, isStillThere: false }])
    expect(world.ended).toEqual([{ pid: 1, startedAt: BEGUN }])
    // The session is gone, or its process id belongs to another session now.
    expect((await world.end({ ...target, pid: 2, confirm: '2' })).status).toBe(409)
  })

  test('a process that is still running is reported as running', async () => {
    const world = new DashboardWorld(
      { token: TOKEN, ending: true },
      { end: () => Promise.resolve('there' as const) },
    )
    await world.state()
    const answer = await world.end(target)
    expect([answer.status, await answer.json()]).toEqual([200, { ended: true, isStillThere: true }])
  })

  test('only shown sessions, and only while the process id belongs to the same session', async () => {
    const world = open()
    expect((await world.end({ pid: 3, startedAt: BEGUN, confirm: '3' })).status).toBe(409)
    expect((await world.end({ ...target, startedAt: '2025-12-31 00:00:00+00' })).status).toBe(409)
    expect(world.ended).toEqual([])
  })

  test.each([
    ['without the token', { authorization: '' }, 401, 'TOKEN_NEEDED'],
    ['with a wrong token', { authorization: 'Bearer wrong' }, 401, 'TOKEN_REFUSED'],
    ['without what only the page knows', { 'x-lockpool-csrf': '' }, 403, 'CSRF_REFUSED'],
    ['with what another page knows', { 'x-lockpool-csrf': 'x'.repeat(32) }, 403, 'CSRF_REFUSED'],
    ['from another origin', { origin: 'https://evil.example' }, 403, 'ORIGIN_REFUSED'],
    ['from another port', { origin: 'http://localhost:1' }, 403, 'ORIGIN_REFUSED'],
    ['from an origin that hides', { origin: 'null' }, 403, 'ORIGIN_REFUSED'],
    ['without an origin', { origin: '' }, 403, 'ORIGIN_REFUSED'],
    ['from another site', { 'sec-fetch-site': 'cross-site' }, 403, 'SITE_REFUSED'],
    ['as a form', { 'content-type': 'text/plain' }, 415, 'NOT_JSON'],
    ['under a strange name', { host: 'evil.example', origin: 'http://evil.example' }, 403, 'HOST_REFUSED'],
  ])('not %s', async (_, headers, status, code) => {
    const world = open()
    expect(await problemOf(await world.end(target, headers))).toEqual([status, code])
    expect(world.ended).toEqual([])
  })

  test.each([
    ['a process id that was not typed again', { ...target, confirm: '' }],
    ['another process id typed', { ...target, confirm: '2' }],
    ['no beginning', { pid: 1, confirm: '1' }],
    ['a process id that is none', { ...target, pid: 0, confirm: '0' }],
    ['a list', [target]],
    ['no JSON', '{'],
    ['more than it should be', { ...target, more: 'x'.repeat(2000) }],
  ])('not with %s', async (_, body) => {
    const world = open()
    expect(await problemOf(await world.end(body))).toEqual([400, 'WRONG_BODY'])
    expect(world.ended).toEqual([])
  })

  test('an objection of the server is reported', async () => {
    const end = () => Promise.reject(new Error('must be a superuser'))
    const world = new DashboardWorld({ token: TOKEN, ending: true }, { end })
    const answer = await world.end(target)
    expect(answer.status).toBe(502)
    expect(await answer.json()).toEqual({
      error: { code: 'SERVER_REFUSED', message: 'must be a superuser' },
    })
  })
})

describe('errors', () => {
  test('a failed inspection is on the page and in the log, and the page is still served', async () => {
    const world = new DashboardWorld({}, { look: () => Promise.reject(new Error('the server is away')) })
    expect((await world.state()).unavailable).toBe('the server is away')
    expect(world.reported).toMatchObject([{ message: 'the server is away' }])
  })

  test('an internal error is answered without its message, and logged with it', async () => {
    const pool = {
      snapshot: () => {
        throw new TypeError('no such thing')
      },
    }
    const world = new DashboardWorld({}, { pool })
    const response = await world.get('/api/state')
    expect(response.headers.get('content-security-policy')).not.toBeNull()
    expect(await response.clone().text()).not.toContain('no such thing')
    expect(await problemOf(response)).toEqual([500, 'FAILED'])
    expect(world.reported).toMatchObject([{ name: 'TypeError', message: 'no such thing' }])
  })

  test('the same error is logged once a minute, another one at once, and a log that fails does no harm', () => {
    const clock = new ManualClock()
    const told: string[] = []
    const { report } = new ErrorLog((error) => {
      told.push(error.message)
      throw new Error('the disk is full')
    }, clock)
    for (let i = 0; i < 30; i++) {
      report(new Error('away'))
      clock.advance(2000)
    }
    report('a text')
    expect(told).toEqual(['away', 'a text'])
    report(new Error('away'))
    expect(told).toEqual(['away', 'a text', 'away'])
  })
})
