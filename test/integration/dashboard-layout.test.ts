import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { pageAssets } from '../../src/dashboard/assets.js'
import { resolveDashboardOptions } from '../../src/dashboard/dashboard-options.js'
import { DashboardSource, type DashboardHost } from '../../src/dashboard/dashboard-source.js'
import { RequestHandler } from '../../src/dashboard/handler.js'
import { nodeListener } from '../../src/dashboard/node-listener.js'
import { systemClock } from '../../src/base/clock.js'
import { snapshotOf, type LockSnapshot } from '../../src/inspect/snapshot.js'
import { complaintsOf, hasBrowser, launchBrowser } from '../support/browser.js'
import { fakeWorld } from '../support/fake-world.js'
import { held, key, serverSession, serverState, wanted } from '../support/server-state.js'

const MINUTE = 60_000
const CAUSES = 9

/** Nine idle sessions, each with 21 locks. A worker waits for one lock of each, which is a finding. */
function badDay(): LockSnapshot {
  const holders = Array.from({ length: CAUSES }, (_, i) => 100 + i)
  return snapshotOf(
    serverState({
      sessions: [
        ...holders.map((pid) =>
          serverSession(pid, {
            application: 'an application with quite a long name',
            ...{ host: '10.200.30.40', state: 'idle in transaction', stateMs: 5 * MINUTE },
          }),
        ),
        ...holders.map((pid) => serverSession(pid + 100, { application: 'a worker' })),
      ],
      locks: holders.flatMap((pid) => [
        ...[held(key(pid), pid), wanted(key(pid), pid + 100, 4 * MINUTE)],
        ...Array.from({ length: 20 }, (_, i) => held(key(pid * 1_000_000_007 + i), pid)),
      ]),
      blockers: new Map(holders.map((pid) => [pid + 100, [pid]])),
    }),
  )
}

const SIZES = [
  [390, 844],
  [768, 1024],
  [1024, 768],
  [1440, 900],
] as const

describe.skipIf(!hasBrowser)('on a bad day the page', { timeout: 60_000 }, () => {
  let browser: Browser
  let page: Page
  let server: Server | null = null

  beforeAll(async () => {
    browser = await launchBrowser()
  }, 60_000)
  afterAll(() => browser.close())
  afterEach(async () => {
    await page.close()
    server?.close()
    server?.closeAllConnections()
  })

  async function open(
    pool: DashboardHost['pool'],
    [width, height]: readonly [number, number],
  ): Promise<string[]> {
    const look = (): Promise<LockSnapshot> => Promise.resolve(badDay())
    const source = new DashboardSource({ clock: systemClock, title: 'app', look, end: null, pool })
    const options = resolveDashboardOptions({})
    const handler = new RequestHandler(options, { source, assets: pageAssets, clock: systemClock })
    server = createServer(nodeListener((request) => handler.handle(request))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    page = await browser.newPage({ viewport: { width, height } })
    const complaints = complaintsOf(page)
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.locator('tr.row').first().waitFor()
    return complaints
  }

  interface Box {
    readonly top: number
    readonly bottom: number
    readonly left: number
    readonly right: number
  }

  /** The positions of the visible elements. */
  const boxes = (selector: string): Promise<Box[]> =>
    page.locator(selector).evaluateAll((elements) =>
      elements
        .map((element) => element.getBoundingClientRect())
        .filter(({ height }) => height > 0)
        .map(({ top, bottom, left, right }) => ({ top, bottom, left, right })),
    )

  for (const where of ['in a process', 'beside the programs'] as const) {
    test.each(SIZES)(
      `${where} has its findings in a third, and its locks in sight: %i x %i`,
      async (width, height) => {
        const pool = where === 'in a process' ? fakeWorld().pool() : null
        const complaints = await open(pool, [width, height])
        expect(await page.locator('.trouble').count()).toBe(CAUSES)

        const [health] = await boxes('.health')
        expect(health!.bottom - health!.top).toBeLessThanOrEqual(height / 3)
        const rows = await boxes('tr.row')
        expect(rows.filter(({ bottom }) => bottom <= height).length, 'rows in sight').toBeGreaterThanOrEqual(
          2,
        )

        // No part of the page reaches beyond the right edge.
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
        const [table] = await boxes('#locks')
        for (const { right } of await boxes('thead th')) expect(right).toBeLessThanOrEqual(table!.right + 1)

        // All rows of charts have the same length, so no chart is alone in a row.
        const charts = await boxes('#charts figure')
        expect(charts).toHaveLength(pool === null ? 2 : 4)
        const tops = charts.map(({ top }) => Math.round(top))
        const perRow = tops.map((top) => tops.filter((each) => each === top).length)
        expect(new Set(perRow).size).toBe(1)
        expect(complaints).toEqual([])
      },
    )
  }

  test('leaves out facts that only the programs know', async () => {
    await open(null, [1440, 900])
    const heads = await page.locator('thead th:visible').allInnerTexts()
    expect(heads.map((text) => text.trim())).toEqual(['Lock', 'Held by', 'Age', 'Waiters'])
    const titles = await page.locator('#charts figcaption > span:first-child:visible').allInnerTexts()
    expect(titles).toEqual(['Locks', 'Connections'])
    // Without a known age the page shows none. If it knows a lower limit, it marks the age as one.
    const ages = await page.locator('tr.row td:nth-child(3):visible').allInnerTexts()
    expect(new Set(ages)).toEqual(new Set(['≥ 5 m']))
  })

  test('says p50, p95 and p99, and how a session is ended from here', async () => {
    await open(fakeWorld().pool(), [1440, 900])
    const legends = await page.locator('#charts .legend').allInnerTexts()
    for (const legend of legends.slice(2)) expect(legend).toMatch(/p50.*p95.*p99/s)
    const advice = (await page.locator('.trouble .advice').allInnerTexts()).join(' ')
    expect(advice).toContain('pg_terminate_backend(100) ends its session.')
    expect(advice).not.toContain('lockpool top')
  })
})
