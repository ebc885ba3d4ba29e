import type { EndedJson, EndJson, ProblemJson, StateJson } from '../state-json.js'

/** A refusal of the dashboard. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Longer than any inspection may take. */
const ANSWER_LIMIT_MS = 15_000

/** Sends requests to the dashboard. A token is kept only while the page is open. */
export class Client {
  #token: string | null = null
  #csrf = ''

  set token(token: string) {
    this.#token = token
  }

  /** @throws {Refused} */
  async state(): Promise<StateJson> {
    const response = await fetch('api/state', {
      headers: this.#authorization(),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    const state = await answerOf<StateJson>(response)
    this.#csrf = state.csrf
    return state
  }

  /** @throws {Refused} */
  async end(order: EndJson, token: string): Promise<EndedJson> {
    const response = await fetch('api/end', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-lockpool-csrf': this.#csrf,
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    if (response.status === 409) return { ended: false, isStillThere: false }
    return answerOf<EndedJson>(response)
  }

  #authorization(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  if (!isJson)
    throw new Refused(response.status, 'NOT_JSON', `the server answered with status ${response.status}`)
  const value = (await response.json()) as T | ProblemJson
  if (response.ok) return value as T
  const { code, message } = (value as ProblemJson).error
  throw new Refused(response.status, code, message)
}
