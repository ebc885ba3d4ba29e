import type { ServerWatch } from './server-watch.js'

/** Shows the holders of a lock, and ends their sessions. */
export type Inspector = Pick<ServerWatch, 'look' | 'end'>
