import { appendFileSync } from 'node:fs'
import { parentPort, Worker, workerData } from 'node:worker_threads'

/** Longer than any change takes with all its tests. */
const PATIENCE_S = 60

/** A thread that ends the process if a change keeps it busy without end, and writes down that the change was noticed. */
export class Watchdog {
  #thread

  constructor(results) {
    this.#thread = new Worker(new URL(import.meta.url), { workerData: { results, isThread: true } })
    this.#thread.unref()
  }

  watch(verdict) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#thread.postMessage(`${JSON.stringify(verdict)}\n`)
  }
}

if (workerData?.isThread) {
  let timer
  parentPort.on('message', (line) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      appendFileSync(workerData.results, line)
      process.kill(process.pid, 'SIGKILL')
    }, PATIENCE_S * 1000)
  })
}
