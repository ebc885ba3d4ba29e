import { execFile, fork, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, chmodSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { cp, mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { readProcesses } from '../src/cli/run/process-table.js'
import { findFreePort } from '../src/embedded/free-port.js'
import { findSystemAccount, type SystemAccount } from '../src/embedded/system-account.js'
import {
  balancerConfig,
  controlConfig,
  patroniConfig,
  type ClusterPlan,
  type NodePlan,
} from './cluster-config.js'
import type { Way } from './options.js'
import { isWhole, membersOf, type Member } from './patroni-view.js'
import type { Programs } from './programs.js'

const NODES = 3
const START_LIMIT_MS = 180_000
const STOP_LIMIT_MS = 20_000
const LOOK_EVERY_MS = 250

const run = promisify(execFile)

/** Three Patroni nodes on the loopback interface, with an etcd and optionally HAProxy. `stop` ends all of them. */
export class PatroniCluster {
  readonly plan: ClusterPlan
  readonly #programs: Programs
  readonly #account: SystemAccount | null
  readonly #children = new Map<string, ChildProcess>()

  private constructor(plan: ClusterPlan, programs: Programs, account: SystemAccount | null) {
    this.plan = plan
    this.#programs = programs
    this.#account = account
  }

  static async start(
    programs: Programs,
    how: { readonly isSync: boolean; readonly isQuick: boolean; readonly way: Way },
    made: (cluster: PatroniCluster) => void,
  ): Promise<PatroniCluster> {
    const account = findSystemAccount()
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-ha-'))
    const nodes: NodePlan[] = []
    for (let i = 1; i <= NODES; i++) nodes.push(await planNode(folder, i))
    const plan: ClusterPlan = {
      folder,
      nodes,
      etcdPort: await findFreePort(),
      etcdPeerPort: await findFreePort(),
      balancerPort: await findFreePort(),
      password: randomBytes(12).toString('hex'),
      postgres: programs.postgres,
      isSync: how.isSync,
      isQuick: how.isQuick,
    }
    const cluster = new PatroniCluster(plan, programs, account)
    // From here on there is something to stop.
    made(cluster)
    cluster.#own(folder)
    try {
      await cluster.#startAll(how.way)
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  get nodes(): readonly NodePlan[] {
    return this.plan.nodes
  }

  nodeOf(name: string): NodePlan {
    return this.nodes.find((node) => node.name === name)!
  }

  /** The address for programs: all hosts, or the load balancer. */
  urlBy(way: Way): string {
    const { password, balancerPort } = this.plan
    const places =
      way === 'hosts'
        ? this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
        : `127.0.0.1:${balancerPort}`
    return `postgres://app:${password}@${places}/postgres`
  }

  urlOf({ port }: NodePlan): string {
    return `postgres://app:${this.plan.password}@127.0.0.1:${port}/postgres`
  }

  members(): Promise<readonly Member[]> {
    return membersOf(this.nodes)
  }

  /** Resolves when every node is back and follows the leader. */
  async whole(limitMs: number): Promise<void> {
    for (const until = performance.now() + limitMs; performance.now() < until;) {
      if (isWhole(await this.members(), NODES, this.plan.isSync)) return
      await sleep(LOOK_EVERY_MS)
    }
    throw new Error(
      `the cluster is not whole after ${limitMs / 1000} s: ${JSON.stringify(await this.members())}`,
    )
  }

  /** Resolves when patronictl has ended. It reports errors as text, but exits with 0. */
  async control(...args: readonly string[]): Promise<void> {
    const { stdout } = await run(
      this.#programs.patronictl,
      ['-c', join(this.plan.folder, 'control.yml'), ...args],
      this.#as,
    )
    if (/failed|error/i.test(stdout)) throw new Error(`patronictl ${args.join(' ')}: ${stdout}`)
  }

  startNode({ name }: NodePlan): void {
    this.#spawn(name, this.#programs.patroni, [join(this.plan.folder, `${name}.yml`)])
  }

  /** The process of Patroni itself. */
  patroniOf({ name }: NodePlan): number {
    return this.#children.get(name)!.pid!
  }

  relayOf({ name }: NodePlan): number {
    return this.#children.get(`${name} relay`)!.pid!
  }

  /** The postmaster, which Patroni starts as a separate process. Null if there is none. */
  postmasterOf({ dataFolder }: NodePlan): number | null {
    try {
      return Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0])
    } catch {
      return null
    }
  }

  /** The postmaster and all its children. */
  serverOf(node: NodePlan): readonly number[] {
    const postmaster = this.postmasterOf(node)
    if (postmaster === null) return []
    const children = readProcesses().filter(({ parent }) => parent === postmaster)
    return [postmaster, ...children.map(({ pid }) => pid)]
  }

  /** The last lines of the node's log, for people. */
  logOf({ name }: NodePlan): string {
    return readFileSync(join(this.plan.folder, `${name}.log`), 'utf8')
      .split('\n')
      .slice(-20)
      .join('\n')
  }

  /** Copies the logs of all programs. */
  async keep(journals: string, target: string): Promise<void> {
    await cp(journals, target, { recursive: true })
    for (const name of this.#children.keys()) {
      const log = `${name}.log`
      await cp(join(this.plan.folder, log), join(target, log)).catch(() => undefined)
    }
  }

  async stop(): Promise<void> {
    const endNode = async (node: NodePlan): Promise<void> => {
      const all = [
        this.#children.get(node.name)?.pid,
        this.#children.get(`${node.name} relay`)?.pid,
        ...this.serverOf(node),
      ]
      for (const pid of all) if (pid !== undefined) signal(pid, 'SIGCONT')
      await this.#end(node.name)
      for (const pid of this.serverOf(node)) signal(pid, 'SIGKILL')
    }
    await Promise.all(this.nodes.map(endNode))
    for (const name of this.#children.keys()) await this.#end(name)
    await rm(this.plan.folder, { recursive: true, force: true })
  }

  async #startAll(way: Way): Promise<void> {
    const { plan } = this
    this.#write('control.yml', controlConfig(plan))
    await this.#startEtcd()
    for (const [i, node] of this.nodes.entries()) {
      this.#write(`${node.name}.yml`, patroniConfig(plan, node))
      const relay = fork(new URL('relay.js', import.meta.url), [
        String(node.relayPort),
        String(plan.etcdPort),
      ])
      this.#children.set(`${node.name} relay`, relay)
      this.startNode(node)
      // The first node creates the cluster, and the others copy it.
      if (i === 0) await this.#until(async () => isWhole(await this.members(), 1))
    }
    await this.whole(START_LIMIT_MS)
    if (way !== 'balancer') return
    this.#write('haproxy.cfg', balancerConfig(plan))
    this.#spawn('balancer', this.#programs.haproxy!, ['-db', '-f', join(plan.folder, 'haproxy.cfg')])
  }

  async #startEtcd(): Promise<void> {
    const { folder, etcdPort, etcdPeerPort } = this.plan
    const [client, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${etcdPeerPort}`]
    await mkdir(join(folder, 'etcd'))
    this.#own(join(folder, 'etcd'))
    this.#spawn('etcd', this.#programs.etcd, [
      ...['--name', 'e1', '--data-dir', join(folder, 'etcd')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...[
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `e1=${peer}`,
      ],
    ])
    const isUp = async (): Promise<boolean> =>
      fetch(`${client}/version`, { signal: AbortSignal.timeout(1000) }).then(
        ({ ok }) => ok,
        () => false,
      )
    await this.#until(isUp)
  }

  async #until(isSo: () => Promise<boolean>): Promise<void> {
    for (const until = performance.now() + START_LIMIT_MS; performance.now() < until;) {
      if (await isSo()) return
      await sleep(LOOK_EVERY_MS)
    }
    throw new Error(`the cluster did not start: ${this.logOf(this.nodes[0]!)}`)
  }

  #spawn(name: string, program: string, args: readonly string[]): void {
    const log = openSync(join(this.plan.folder, `${name}.log`), 'a')
    const child = spawn(program, args, { ...this.#as, stdio: ['ignore', log, log] })
    child.on('error', () => undefined)
    this.#children.set(name, child)
  }

  /** Asks a process to end, and kills it if it does not. */
  async #end(name: string): Promise<void> {
    const child = this.#children.get(name)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    const enough = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await gone
    clearTimeout(enough)
  }

  get #as(): { cwd: string; uid?: number; gid?: number } {
    const account = this.#account
    const cwd = this.plan.folder
    return account === null ? { cwd } : { cwd, uid: account.userId, gid: account.groupId }
  }

  #write(name: string, text: string): void {
    const path = join(this.plan.folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    this.#own(path)
  }

  #own(path: string): void {
    if (this.#account === null) return
    chownSync(path, this.#account.userId, this.#account.groupId)
    if (path === this.plan.folder) chmodSync(path, 0o755)
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // The process has ended.
  }
}

async function planNode(folder: string, number: number): Promise<NodePlan> {
  const name = `node${number}`
  const [port, restPort, relayPort] = [await findFreePort(), await findFreePort(), await findFreePort()]
  return { name, port, restPort, relayPort, dataFolder: join(folder, `data${number}`) }
}
