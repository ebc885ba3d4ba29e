import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dashboardHandler, nodeListener, type DashboardHandler } from '../../src/dashboard.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { complaintsOf, hasBrowser, launchBrowser, seriousViolations } from '../support/browser.js'
import { lockWorld } from '../support/lock-world.js'

const TOKEN = 'the token of this test'
const world = lockWorld()

describe.skipIf(!hasBrowser)('the page, in a browser', { timeout: 60_000 }, () => {
  let browser: Browser
  let page: Page
  let complaints: string[]
  let locks: LockPool
  let handler: DashboardHandler
  let server: Server
  let url: string

  beforeAll(async () => {
    browser = await launchBrowser()
  }, 60_000)

  afterAll(() => browser.close())

  beforeEach(async () => {
    locks = world.pool({ max: 4 })
    handler = dashboardHandler(locks, { token: TOKEN, ending: true })
    server = createServer(nodeListener(handler)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    page = await browser.newPage({ viewport: { width: 1300, height: 900 } })
    page.setDefaultTimeout(20_000)
    complaints = complaintsOf(page)
  })

  afterEach(async () => {
    await page.close()
    server.close()
    server.closeAllConnections()
    handler.close()
  })

  const rows = () => page.locator('tr.row:visible')

  test('without locks it says so, and is small', async () => {
    const sizes: ReturnType<Request['sizes']>[] = []
    page.on('requestfinished', (request) => {
      if (!new URL(request.url()).pathname.startsWith('/api/')) sizes.push(request.sizes())
    })
    await page.goto(url, { waitUntil: 'load' })
    await page.getByText('No locks are held, and there are no waiters.').waitFor()
    await page.getByText('No session blocks another.').waitFor()
    // The page is loaded now, but the event for the last request may not have arrived yet.
    const loaded = await page.evaluate(
      () =>
        performance
          .getEntriesByType('resource')
          .filter(({ name }) => !new URL(name).pathname.startsWith('/api/')).length,
    )
    await expect.poll(() => sizes.length).toBeGreaterThan(loaded)
    const bytes = (await Promise.all(sizes)).reduce(
      (sum, { responseBodySize, responseHeadersSize }) => sum + responseBodySize + responseHeadersSize,
      0,
    )
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(60_000)
    expect(complaints).toEqual([])
  })

  test('axe-core finds nothing serious, in light and dark, with a lock and a dialog open', async () => {
    await locks.acquire('orders')
    const waiting = locks.acquire('orders')
    waiting.catch(() => undefined)
    await page.goto(url)
    await rows().first().waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await seriousViolations(page)).toEqual([])
    }
    await rows().first().click()
    await page.getByText('a caller of this process').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByText('End this session').click()
    expect(await seriousViolations(page)).toEqual([])
    expect(complaints).toEqual([])
  })

  test('two thousand locks make a few dozen rows, and the keyboard reaches all of them', async () => {
    await Promise.all(Array.from({ length: 2000 }, (_, i) => locks.acquire(`lock ${i}`)))
    await page.goto(url)
    await page.getByRole('button', { name: 'All 2\u202f000' }).waitFor()
    expect(await page.locator('tr.row').count()).toBeLessThan(80)

    await page.getByRole('button', { name: 'Lock', exact: true }).click()
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('End')
    const last = page.locator('tr.row[aria-rowindex="2001"]')
    await last.getByText('lock 999', { exact: true }).waitFor()
    expect(await page.locator('tr.row').count()).toBeLessThan(80)

    await page.keyboard.press('/')
    await page.keyboard.type('lock 1234')
    await expect.poll(() => rows().count()).toBe(1)
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /^lock \d+$/ }).waitFor()
    expect(page.url()).toContain('#lock=')
    await page.keyboard.press('Escape')
    expect(page.url()).not.toContain('#lock=')
    expect(complaints).toEqual([])
  })

  test('a session is ended with the token, and with nothing less', async () => {
    const { rows: found } = await world.database.query<{ pid: number }>(
      'SELECT pg_advisory_lock(42), pg_backend_pid() AS pid',
    )
    const pid = String(found[0]!.pid)
    await page.goto(url)
    await rows().getByText('42', { exact: true }).click()
    await page.getByText('End this session').click()
    const end = page.getByRole('button', { name: 'End the session' })
    await page.getByLabel('Token').fill('not the token of this test')
    expect(await end.isDisabled()).toBe(true)
    await page.getByLabel('its pid').fill(pid)
    await end.click()
    await page.getByText('Refused: the token is wrong.').waitFor()
    await rows().getByText('42', { exact: true }).waitFor()

    // Every browser reports a refused request in its console.
    expect(complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await page.getByLabel('Token').fill(TOKEN)
    await end.click()
    await page.getByText('It is free now').waitFor()
    expect(complaints).toEqual([])
  })

  test('a sentence about a lock leads to it, by mouse and by key, and stays put while its words change', async () => {
    await Promise.all(Array.from({ length: 60 }, (_, i) => locks.acquire(`lock ${i}`)))
    const holder = await locks.connections.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT pg_advisory_xact_lock(42)')
    const waiting = world.database.query('SELECT pg_advisory_lock(42)')
    await page.goto(url)
    const sentence = page.locator('#troubles a')
    await sentence.getByText(/ blocks one other, .* with 42; it is idle in transaction for/).waitFor()
    expect(await seriousViolations(page)).toEqual([])

    await sentence.click()
    await page.getByRole('heading', { name: '42', exact: true }).waitFor()
    expect(new URL(page.url()).hash).toBe('#lock=advisory%2042')
    await page.locator('tr.row[aria-selected="true"]').getByText('42', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.locator('#detail').isHidden()).toBe(true)

    await page.keyboard.press('w')
    const before = await sentence.textContent()
    await expect.poll(() => sentence.textContent(), { timeout: 10_000 }).not.toBe(before)
    expect(await sentence.evaluate((link) => link.ownerDocument.activeElement === link)).toBe(true)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: '42', exact: true }).waitFor()
    const isInSight = (): Promise<boolean> =>
      page.locator('#detail').evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect()
        return top >= 0 && bottom <= element.ownerDocument.documentElement.clientHeight
      })
    expect(await isInSight()).toBe(true)
    await page.goBack()
    await expect.poll(() => page.locator('#detail').isHidden()).toBe(true)

    await page.setViewportSize({ width: 480, height: 700 })
    await sentence.click()
    expect(
      await page
        .locator('#detail-title')
        .evaluate(({ ownerDocument: { activeElement } }) => activeElement?.id),
    ).toBe('detail')
    await expect.poll(isInSight).toBe(true)
    expect(complaints).toEqual([])
    await holder.query('COMMIT')
    holder.release()
    await waiting
    await world.database.query('SELECT pg_advisory_unlock(42)')
  })

  test('names that look like HTML are names', async () => {
    await locks.acquire('<img src=x onerror=alert(1)>')
    await page.goto(url)
    await rows().getByText('<img src=x onerror=alert(1)>').click()
    await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor()
    expect(await page.locator('img').count()).toBe(0)
    expect(complaints).toEqual([])
  })
})
