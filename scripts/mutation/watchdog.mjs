import { parentPort, Worker, workerData } from 'node:worker_threads'

/** More seconds than any change takes with all its tests. */
const PATIENCE_S = 60

/** A thread that ends the process if one change keeps it busy for too long. */
export class Watchdog {
  #thread

  constructor() {
    this.#thread = new Worker(new URL(import.meta.url), { workerData: { isThread: true } })
    this.#thread.unref()
  }

  /** Restarts the time limit for the next change. */
  begin() {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#thread.postMessage(null)
  }
}

if (workerData?.isThread) {
  let timer
  parentPort.on('message', () => {
    clearTimeout(timer)
    timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), PATIENCE_S * 1000)
  })
}
