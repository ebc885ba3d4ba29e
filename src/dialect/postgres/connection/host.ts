import { hostInWords as inWords, type Host } from '../../hosts/host.js'

/** Formats a host for people: `host:port`, `[::1]:5432`, or the path of a socket. */
export function hostInWords(host: Host): string {
  return host.host.startsWith('/') ? `${host.host}/.s.PGSQL.${host.port}` : inWords(host)
}
