import { LockPool } from 'lockpool'
import { dashboardHandler } from 'lockpool/dashboard'

export const runtime = 'nodejs'
export const dynamic = 'force-dynamic'

const locks = new LockPool({ connection: 'postgres://127.0.0.1:1/none', min: 0 })
const handle = dashboardHandler(locks, { path: '/locks', onError: () => undefined })

export const GET = handle
export const POST = handle
