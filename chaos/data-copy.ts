import { chown, copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A copy needs only the empty folders of these, like `pg_basebackup`. The content of `pg_wal` arrives by streaming. */
const EMPTY: ReadonlySet<string> = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
])

/** Files of the running server. */
const OMITTED: ReadonlySet<string> = new Set(['postmaster.pid', 'postmaster.opts'])

/** Copied last, so that recovery ends no earlier than the other files were copied. */
const CONTROL_FILE = 'global/pg_control'

/** Copies the data folder of a running server. PostgreSQL allows that between the start and the end of a backup. */
export async function copyDataFolder(from: string, to: string): Promise<void> {
  await copyFolder(from, to, '')
  await copyOwned(from, to, CONTROL_FILE)
}

/** Writes a file with the owner of `folder`. */
export async function writeOwned(folder: string, name: string, text: string, flag: 'w' | 'a'): Promise<void> {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600, flag })
  const { uid, gid } = await stat(folder)
  await chown(path, uid, gid)
}

async function copyFolder(from: string, to: string, path: string): Promise<void> {
  const entries = await readdir(join(from, path), { withFileTypes: true })
  for (const entry of entries) {
    const inside = path === '' ? entry.name : `${path}/${entry.name}`
    if (OMITTED.has(entry.name) || inside === CONTROL_FILE) continue
    if (!entry.isDirectory()) {
      if (!EMPTY.has(path)) await copyOwned(from, to, inside)
      continue
    }
    await makeOwned(from, to, inside)
    await copyFolder(from, to, inside)
  }
}

async function makeOwned(from: string, to: string, path: string): Promise<void> {
  await mkdir(join(to, path), { recursive: true, mode: 0o700 })
  const { uid, gid } = await stat(from)
  await chown(join(to, path), uid, gid)
}

async function copyOwned(from: string, to: string, path: string): Promise<void> {
  try {
    await copyFile(join(from, path), join(to, path))
  } catch (error) {
    // The file was removed in the meantime, so recovery will not need it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const { uid, gid } = await stat(from)
  await chown(join(to, path), uid, gid)
}
