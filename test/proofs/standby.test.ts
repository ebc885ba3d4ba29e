import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../../chaos/cluster.js'
import type { Check } from '../../src/cli/doctor/verdict.js'
import { lockpool } from '../support/command-line.js'
import { startEmbedded } from '../support/own-server.js'

let cluster: Cluster
let url: string

beforeAll(async () => {
  cluster = await Cluster.startedBy(startEmbedded)
  // This creates unlogged tables. A standby has their names, but cannot read them.
  const installed = lockpool(['install'], { url: cluster.urlOf('postgres') })
  expect(await installed.ended).toBe(0)
  await cluster.addStandbys(1)
  const address = new URL(cluster.urlOf('postgres'))
  address.port = String(cluster.standbyPort)
  url = address.href
}, 60_000)

afterAll(() => cluster.stop())

async function output(...args: string[]): Promise<{ status: unknown; out: string; err: string }> {
  const started = lockpool(args, { url })
  const status = await started.ended
  return { status, out: started.out.toString(), err: started.err }
}

test('the doctor reports that it is a standby as the only problem', async () => {
  const { status, out, err } = await output('doctor', '--json')

  expect({ status, err }).toEqual({ status: 1, err: '' })
  const { checks } = JSON.parse(out) as { checks: Check[] }
  const complaints = checks.filter((check) => check.status === 'failure')
  expect(complaints.map(({ name }) => name)).toEqual(['primary', 'locks'])
  expect(complaints[0]!.text).toContain('this is a standby')
  expect(complaints[0]!.advice).toContain('address of the primary')
  expect(out).not.toMatch(/recovery|25006/)
})

test.each([['ls'], ['top', '--once']])('%s does not let "no locks" stand alone', async (...args) => {
  const { status, out } = await output(...args)

  expect(status).toBe(0)
  expect(out).toContain('no locks on this standby')
  expect(out.replaceAll(/\s+/g, ' ')).toContain(
    '✗ This is a standby: it does not know the locks of its primary, and a lock taken here has no effect there.',
  )
})

test('a script is never shown a lock as free if that is unknown', async () => {
  const who = await output('who', 'deploy')
  expect(who.status).toBe(69)
  expect(who.out).toContain('deploy is not held on this server, and has no waiters')
  expect(who.err).toMatch(/^lockpool: This is a standby: .*; ask the primary\n$/)
  const json = await output('who', 'deploy', '--json')
  expect(json.status).toBe(69)
  expect(JSON.parse(json.out)).toMatchObject({ isStandby: true, locks: [] })

  const broken = await output('break', 'deploy', '--yes')
  expect(broken.status).toBe(69)
  expect(broken.err).toContain('This is a standby')
})
