/** One server of a list of hosts. */
export interface Host {
  /** A host name, or an address. On PostgreSQL it may be the directory of a Unix socket. */
  readonly host: string
  readonly port: number
}

/** Formats a host for people: `host:port`, or `[::1]:5432`. */
export function hostInWords({ host, port }: Host): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The delay before another attempt at a server that starts, stops or is a standby. It is short because a failover can
 * end at any moment.
 */
export const SOON_MS = 250
