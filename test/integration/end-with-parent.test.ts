import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { expect, test } from 'vitest'
import { isAlive, script, type Started } from '../support/command-line.js'
import { ROOT } from '../support/repository.js'

/** Starts a process whose child sleeps for `seconds`, and returns both. */
async function parentOf(seconds: number, folder: string): Promise<[parent: Started, childPid: number]> {
  const source = await readFile(join(ROOT, 'test/support/end-with-parent.ts'), 'utf8')
  const { code } = await transform(source, { loader: 'ts' })
  const parent = script(`
    ${code}
    const child = spawn('sleep', ['${seconds}'])
    child.once('exit', () => console.log('ended'))
    endWithParent(child, ${JSON.stringify(folder)})
    console.log('child ' + child.pid + '.')
    setInterval(() => undefined, 1000)`)
  await parent.says('.')
  return [parent, Number(/child (\d+)/.exec(parent.out.toString())![1])]
}

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a child that must not outlive its parent ends with it, and its folder is removed, after %s',
  async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-test-'))
    const [parent, pid] = await parentOf(1000, folder)
    expect(isAlive(pid)).toBe(true)

    parent.kill(signal)

    expect(await parent.ended).toBe(signal)
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false)
  },
)

test('the folder of a child that has ended by itself is not removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockpool-test-'))
  const [parent] = await parentOf(0, folder)
  await parent.says('ended')
  parent.kill('SIGKILL')
  await parent.ended

  // A shell that took this for the end of the parent would remove the folder after a second.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  expect(existsSync(folder)).toBe(true)
  await rm(folder, { recursive: true })
})
