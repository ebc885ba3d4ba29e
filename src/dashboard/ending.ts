import type { EndTarget } from './dashboard-source.js'
import type { ProblemJson } from './state-json.js'

/** More than enough to name a session. */
const LONGEST_BODY = 1000

/** The session that a request wants to end, or what is wrong with it. The pid is there twice: once as a person typed it. */
export async function readEnding(request: Request): Promise<EndTarget | ProblemJson> {
  const body = await readObject(request)
  if (body === null) return wrong('the body must be a small JSON object')
  const { pid, startedAt, confirm } = body
  if (!Number.isInteger(pid) || (pid as number) < 1) return wrong('"pid" must be the process id of a session')
  if (typeof startedAt !== 'string' || startedAt === '')
    return wrong('"startedAt" must say when the session began')
  if (confirm !== String(pid)) return wrong('"confirm" must be the process id, typed once more')
  return { pid: pid as number, startedAt }
}

async function readObject(request: Request): Promise<Record<string, unknown> | null> {
  // A wrong length is detected below; a body with a right length that is too long need not be read.
  if (Number(request.headers.get('content-length') ?? 0) > LONGEST_BODY) return null
  const text = await request.text()
  if (text.length > LONGEST_BODY) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function wrong(message: string): ProblemJson {
  return { error: { code: 'WRONG_BODY', message } }
}
