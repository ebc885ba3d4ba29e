import type { ServerWatch } from './server-watch.js'

/** Shows the holders of a lock, asks them to release it, and ends their sessions. */
export type Inspector = Pick<ServerWatch, 'look' | 'end' | 'askForRelease' | 'withdrawRequest'>
