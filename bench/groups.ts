import type { Group } from './row.js'
import { acquireAll } from './rows/acquire-all.js'
import { crowd } from './rows/crowd.js'
import { fairness } from './rows/fairness.js'
import { handOff } from './rows/hand-off.js'
import { hotKey } from './rows/hot-key.js'
import { hotRows } from './rows/hot-rows.js'
import { lease } from './rows/lease.js'
import { manyHeld } from './rows/many-held.js'
import { memory } from './rows/memory.js'
import { mysql } from './rows/mysql.js'
import { oneCaller } from './rows/one-caller.js'
import { openSnapshot } from './rows/open-snapshot.js'
import { outage } from './rows/outage.js'
import { poolAlone } from './rows/pool-alone.js'
import { processes } from './rows/processes.js'
import { rowSpace } from './rows/row-space.js'
import { rowsWithLeases } from './rows/rows-with-leases.js'
import { semaphore } from './rows/semaphore.js'
import { serve } from './rows/serve.js'
import { strangers } from './rows/strangers.js'
import { telemetry } from './rows/telemetry.js'
import { throughput } from './rows/throughput.js'

/** In the order of the table. */
export const GROUPS: readonly Group[] = [
  throughput,
  oneCaller,
  hotKey,
  fairness,
  handOff,
  processes,
  crowd,
  manyHeld,
  memory,
  acquireAll,
  semaphore,
  strangers,
  telemetry,
  serve,
  rowsWithLeases,
  mysql,
  rowSpace,
  openSnapshot,
  hotRows,
  lease,
  outage,
  poolAlone,
]
