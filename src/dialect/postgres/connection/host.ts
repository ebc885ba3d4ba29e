/** One server of a list of hosts. */
export interface Host {
  /** A host name, an address, or the directory of a Unix socket. */
  readonly host: string
  readonly port: number
}

/** Formats a host for people: `host:port`, `[::1]:5432`, or the path of a socket. */
export function hostInWords({ host, port }: Host): string {
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
