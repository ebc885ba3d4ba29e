import { fork, type ChildProcess, type ForkOptions, type Serializable } from 'node:child_process'
import { once } from 'node:events'

/** A separate process, for measurements that need one. It gets one question at a time, and answers it. */
export class WorkerProcess<Question extends Serializable, Answer> implements AsyncDisposable {
  readonly #child: ChildProcess

  /** `name` is a file in `workers/`. */
  constructor(name: string, args: readonly string[], execArgv: readonly string[] = []) {
    // JSON would turn NaN into null.
    const options: ForkOptions = { execArgv: [...execArgv], serialization: 'advanced' }
    this.#child = fork(new URL(`workers/${name}.js`, import.meta.url), args, options)
  }

  ask(question: Question): Promise<Answer> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const onMessage = (answer: Serializable): void => {
        child.off('exit', onExit)
        resolve(answer as Answer)
      }
      const onExit = (): void => {
        child.off('message', onMessage)
        reject(new Error('a worker ended before it had answered'))
      }
      child.once('message', onMessage)
      child.once('exit', onExit)
      child.send(question)
    })
  }

  /** Ends the questions, and waits until the process has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}

/** Runs in the worker: answers questions, and cleans up after the last one. An error ends the process. */
export function serve(answer: (question: never) => Promise<Serializable>, end: () => Promise<void>): void {
  process.on('message', (question) => {
    void answer(question as never).then((given) => process.send!(given))
  })
  process.on('disconnect', () => void end())
}
