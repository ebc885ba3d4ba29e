import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Way } from './options.js'

/** The paths of the programs that form a cluster. */
export interface Programs {
  readonly patroni: string
  readonly patronictl: string
  readonly etcd: string
  /** Null if no load balancer is wanted. */
  readonly haproxy: string | null
  /** The folder with `postgres` and `initdb`. */
  readonly postgres: string
}

const PACKAGES: Readonly<Record<string, string>> = {
  patroni: 'patroni',
  patronictl: 'patroni',
  etcd: 'etcd-server',
  haproxy: 'haproxy',
  postgres: 'postgresql',
}

/** A program is missing. Nothing is installed automatically. */
export class MissingPrograms extends Error {}

/** @throws {MissingPrograms} lists all missing programs, and the Debian packages that have them */
export function findPrograms(way: Way): Programs {
  const wanted = ['patroni', 'patronictl', 'etcd', ...(way === 'balancer' ? ['haproxy'] : [])]
  const found = new Map(wanted.map((name) => [name, onPath(name)]))
  const postgres = postgresFolder()
  const missing = [...found].filter(([, path]) => path === null).map(([name]) => name)
  if (postgres === null) missing.push('postgres')
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PACKAGES[name]))]
    throw new MissingPrograms(
      `missing: ${missing.join(', ')}. Nothing is installed by this command; on Debian: apt-get install ${packages.join(' ')}`,
    )
  }
  return {
    patroni: found.get('patroni')!,
    patronictl: found.get('patronictl')!,
    etcd: found.get('etcd')!,
    haproxy: found.get('haproxy') ?? null,
    postgres: postgres!,
  }
}

function onPath(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null
}

/** The newest version of Debian's, which are not on the PATH; otherwise the one on the PATH. */
function postgresFolder(): string | null {
  const root = '/usr/lib/postgresql'
  const versions = listOf(root).filter((name) => Number(name) >= 14)
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0]
  if (newest !== undefined && isProgram(join(root, newest, 'bin', 'initdb'))) return join(root, newest, 'bin')
  const initdb = onPath('initdb')
  return initdb === null ? null : join(initdb, '..')
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
