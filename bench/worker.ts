import { fork, type ChildProcess, type ForkOptions, type Serializable } from 'node:child_process'
import { once } from 'node:events'

/** A process of its own, for what one process can't measure. It is asked one thing at a time, and answers. */
export class WorkerProcess<Question extends Serializable, Answer> implements AsyncDisposable {
  readonly #child: ChildProcess

  /** `name` is a file in `workers/`. */
  constructor(name: string, args: readonly string[], execArgv: readonly string[] = []) {
    // As JSON a figure that is none would come as null.
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

  /** Tells it that nothing more will be asked, and waits until it has gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}

/** The other end: answers what comes, and cleans up when nothing more will. What fails ends the process. */
export function serve(answer: (question: never) => Promise<Serializable>, end: () => Promise<void>): void {
  process.on('message', (question) => {
    void answer(question as never).then((given) => process.send!(given))
  })
  process.on('disconnect', () => void end())
}
