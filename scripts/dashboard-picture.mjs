/**
 * Takes the pictures of docs/guides/dashboard.md: npm run docs:dashboard [-- FOLDER]
 *
 * Starts a PostgreSQL for it, with programs that hold locks and wait. Environment variables:
 *
 * - `LOCKS=2000`: the programs hold this many locks, 24 by default; with 0 there are no locks and no waiters
 * - `WIDTH=400`: the width of the page; `WIDTH=390,1024` takes one picture of each width
 * - `BESIDE=1`: takes the pictures of `lockpool dashboard` instead
 * - `PROBLEMS=6`: adds blocked sessions, for this many problems
 * - `SECONDS=40`: how long the page is open before the picture
 * - `CHROMIUM`: the path of the browser, if it is not /usr/bin/chromium
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { chromium } from 'playwright-core'
import { dashboardHandler, nodeListener } from '../dist/dashboard.js'
import { startEmbeddedPostgres } from '../dist/embedded/index.js'
import { LockPool } from '../dist/index.js'

const folder = process.argv[2] ?? 'docs/guides'
const count = Number(process.env.LOCKS ?? 24)
const widths = (process.env.WIDTH ?? '1360').split(',').map(Number)
const HEIGHTS = { 390: 844, 768: 1024, 1024: 768 }
const NAMES = ['invoice', 'customer', 'report', 'import', 'mailbox', 'order']

const database = await startEmbeddedPostgres({
  durable: false,
  settings: { max_locks_per_transaction: 256 },
})
const pool = (applicationName) => new LockPool({ connection: database.url, applicationName, max: 4 })
/** `lockpool install` makes the tables that keep the names of keys and the time since when they are held. */
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
execFileSync(process.execPath, [MAIN, 'install', '--url', database.url])

const [billing, reports] = [pool('billing'), pool('reports')]
const clients = []

async function stranger(name, ...statements) {
  const client = new pg.Client({ connectionString: database.url, application_name: name })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  for (const statement of statements) await client.query(statement)
  return client
}

/** Takes and releases locks, so that the charts have something to show. */
let isBusy = true
async function work(locks, i) {
  for (let round = 0; isBusy; round++) {
    const key = `${NAMES[(i + round) % NAMES.length]} ${4700 + ((i * 7 + round) % 40)}`
    await locks.withLock(key, () => sleep(20 + ((i * 37 + round * 53) % 400))).catch(() => undefined)
  }
}

async function scene() {
  if (count === 0) return []
  await Promise.all(
    Array.from({ length: count }, (_, i) => billing.acquire(`${NAMES[i % NAMES.length]} ${1000 + i}`)),
  )
  await billing.acquire('month end', { label: 'closing November' })
  await billing.semaphore('pdf conversion', 3).acquire()
  await stranger(
    'migrate',
    'CREATE TABLE orders (id int PRIMARY KEY, state text)',
    "INSERT INTO orders VALUES (1, 'new')",
  )
  await stranger(
    'psql',
    'SELECT pg_advisory_lock(42)',
    'BEGIN',
    "UPDATE orders SET state = 'paid' WHERE id = 1",
  )
  const first = await stranger('shop')
  const second = await stranger('shop', 'SELECT pg_advisory_lock(77)', 'BEGIN')
  const third = await stranger('worker')
  const waits = [
    first.query("UPDATE orders SET state = 'sent' WHERE id = 1"),
    sleep(200).then(() => second.query('SELECT * FROM orders WHERE id = 1 FOR UPDATE')),
    third.query('SELECT pg_advisory_lock(77)'),
    reports.acquire('month end', { timeoutMs: 600_000 }),
    billing.acquire('month end', { timeoutMs: 600_000 }),
  ]
  for (let i = 1; i < Number(process.env.PROBLEMS ?? 1); i++) {
    await stranger(`batch ${i}`, `SELECT pg_advisory_lock(${100 + i})`, 'BEGIN', 'SELECT 1')
    const waiter = await stranger(`importer ${i}`)
    waits.push(waiter.query(`SELECT pg_advisory_lock(${100 + i})`))
  }
  for (const wait of waits) wait.catch(() => undefined)
  return [...Array.from({ length: 12 }, (_, i) => work(billing, i)), work(reports, 3)]
}

/** Starts `lockpool dashboard` as a separate process. Returns the address, and a function that ends it. */
async function standalone() {
  const child = spawn(process.execPath, [MAIN, 'dashboard', '--json', '--port', '0', '--url', database.url])
  const [line] = await once(child.stdout, 'data')
  return { address: JSON.parse(line).url, end: () => child.kill() }
}

const handler = dashboardHandler(billing, { token: 'a token for the picture', ending: true })
const server = createServer(nodeListener(handler)).listen(0, '127.0.0.1')
await once(server, 'listening')
const beside = process.env.BESIDE === undefined ? null : await standalone()
const url = beside?.address ?? `http://127.0.0.1:${server.address().port}/`
const workers = await scene()
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
})
try {
  const page = await browser.newPage({ viewport: { width: widths[0], height: HEIGHTS[widths[0]] ?? 900 } })
  page.on('console', (message) => process.stderr.write(`console: ${message.text()}\n`))
  page.on('pageerror', (error) => process.stderr.write(`page: ${error.stack}\n`))
  await page.goto(url)
  // The charts show two minutes, and five once they have more.
  await page.waitForTimeout(Number(process.env.SECONDS ?? 105) * 1000)
  mkdirSync(folder, { recursive: true })
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.waitForTimeout(300)
    for (const width of widths) {
      await page.setViewportSize({ width, height: HEIGHTS[width] ?? 900 })
      await page.waitForTimeout(300)
      const name = widths.length === 1 ? colorScheme : `${colorScheme}-${width}`
      await page.screenshot({ path: join(folder, `dashboard-${name}.png`) })
    }
  }
  if (process.env.DETAIL !== undefined) {
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForTimeout(300)
    await page.screenshot({ path: join(folder, 'dashboard-detail.png') })
    await page.getByText('End this session').first().click()
    await page.waitForTimeout(300)
    await page.screenshot({ path: join(folder, 'dashboard-end.png') })
  }
} finally {
  isBusy = false
  await browser.close()
  beside?.end()
  server.close()
  server.closeAllConnections()
  handler.close()
  await Promise.all([...clients.map((client) => client.end().catch(() => undefined))])
  await Promise.all([billing.close({ graceMs: 0 }), reports.close({ graceMs: 0 }), ...workers])
  await database.stop()
}
