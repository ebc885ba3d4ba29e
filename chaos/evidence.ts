import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding } from './check/finding.js'
import type { History } from './history.js'

/** The files of a round for people: the journals of its processes, the observations of the server, and the findings. */
export class Evidence implements AsyncDisposable {
  readonly folder: string
  readonly #seed: number

  private constructor(folder: string, seed: number) {
    this.folder = folder
    this.#seed = seed
  }

  static async ofRound(seed: number): Promise<Evidence> {
    return new Evidence(await mkdtemp(join(tmpdir(), 'lockpool-chaos-')), seed)
  }

  /** Copies the files to a folder for this round in `target`. */
  async keep(
    target: string,
    { strikes, calms, sightings, endedAt }: History,
    findings: readonly Finding[],
  ): Promise<void> {
    const place = join(target, `round ${this.#seed} ${new Date().toISOString().replaceAll(':', '')}`)
    await mkdir(place, { recursive: true })
    await cp(this.folder, place, { recursive: true })
    await writeFile(join(place, 'round.json'), JSON.stringify({ findings, strikes, calms, endedAt }, null, 2))
    const looks = sightings.map(({ at, held, holders, rows }) =>
      JSON.stringify({ at, held: [...held], holders: [...(holders ?? [])], rows }),
    )
    await writeFile(join(place, 'looks.jsonl'), looks.map((look) => `${look}\n`).join(''))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // After an error, processes may still write to the folder. That error matters, not one of this removal.
    await rm(this.folder, { recursive: true, force: true }).catch(() => undefined)
  }
}
