import type { EndTarget } from './dashboard-source.js'
import type { ProblemJson } from './state-json.js'

/** The longest body that is read: a target needs much less. */
const LONGEST_BODY = 1000

/**
 * The session that a request wants to end, or the problem with the request. Its body has the pid twice: a user typed the
 * second one.
 */
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
  // Does not read a body that announces too great a length. The code below detects a wrong announcement.
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
