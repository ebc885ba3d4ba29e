import { chmod, cp, lchown, mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import type { SystemAccount } from './system-account.js'

/** The programs, and the environment variables with which they find their libraries. */
export interface Installation {
  readonly initdb: string
  readonly postgres: string
  readonly environment: NodeJS.ProcessEnv
}

/** npm packages cannot contain links. A file lists them, and an install script makes them, but it may not have run. */
interface MissingLink {
  /** Relative to the package, like `target`: `native/lib/libpq.so.5.18`. */
  readonly source: string
  readonly target: string
}

/**
 * Makes the programs run from their place. The links that their libraries need go to a folder in `directory`, because
 * `node_modules` may be read-only, and other processes use it at the same time.
 */
export async function installInPlace(
  packageFolder: string,
  directory: string,
  account: SystemAccount | null,
): Promise<Installation> {
  if (process.platform === 'darwin') {
    // On macOS the libraries find each other by their place, so the links must be there.
    return (await makeLinks(packageFolder))
      ? installation(packageFolder, [])
      : installCopy(packageFolder, directory, account)
  }
  if (process.platform === 'win32') return installation(packageFolder, [])
  const folder = join(directory, 'libraries')
  await mkdir(folder)
  // Set explicitly, whatever the umask is: the server may run as another user.
  await chmod(folder, 0o755)
  for (const { source, target } of await missingLinks(packageFolder)) {
    await symlink(join(packageFolder, source), join(folder, basename(target)))
  }
  return installation(packageFolder, [folder, join(packageFolder, 'native', 'lib')])
}

/** Makes the programs run from a copy that belongs to `account`, which cannot reach or read the original. */
export async function installCopy(
  packageFolder: string,
  directory: string,
  account: SystemAccount | null,
): Promise<Installation> {
  const copy = join(directory, 'package')
  await cp(join(packageFolder, 'native'), join(copy, 'native'), { recursive: true, verbatimSymlinks: true })
  await makeLinks(copy)
  if (account !== null) {
    const contents = await readdir(copy, { recursive: true })
    const paths = [copy, ...contents.map((name) => join(copy, name))]
    await Promise.all(paths.map((path) => lchown(path, account.userId, account.groupId)))
  }
  return installation(copy, [join(copy, 'native', 'lib')])
}

function installation(packageFolder: string, libraryFolders: readonly string[]): Installation {
  const programs = join(packageFolder, 'native', 'bin')
  const extension = process.platform === 'win32' ? '.exe' : ''
  const libraryPath = [...libraryFolders, process.env['LD_LIBRARY_PATH'] ?? []].flat().join(':')
  return {
    initdb: join(programs, `initdb${extension}`),
    postgres: join(programs, `postgres${extension}`),
    environment: {
      ...process.env,
      // lockpool parses the programs' messages. On macOS a server without it may refuse to start.
      LC_ALL: 'C',
      ...(libraryFolders.length === 0 ? {} : { LD_LIBRARY_PATH: libraryPath }),
    },
  }
}

async function missingLinks(packageFolder: string): Promise<readonly MissingLink[]> {
  try {
    const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8')
    return JSON.parse(list) as MissingLink[]
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Makes the links in the place where the install script makes them. False if that is not allowed. */
async function makeLinks(packageFolder: string): Promise<boolean> {
  for (const { source, target } of await missingLinks(packageFolder)) {
    const path = join(packageFolder, target)
    try {
      await symlink(relative(dirname(path), join(packageFolder, source)), path)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false
      // The install script, or another process, was faster.
      if (code !== 'EEXIST') throw error
    }
  }
  return true
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code
}
