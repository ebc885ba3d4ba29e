/** The hosts in a connection string. Each property is a list with commas, or empty. */
export interface HostParts {
  readonly host: string
  readonly port: string
  readonly target: string
}

/** `scheme://user@hosts/database?settings`, in three parts: before the hosts, the hosts, and after them. */
const URL_PARTS = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)([^/?#]*)([^]*)$/i

/** Query parameters that say where the server is. As in libpq, they override the rest of the URL. */
const PLACES: ReadonlySet<string> = new Set(['host', 'port', 'target_session_attrs'])

/** Returns null if the string is not a URL and so names no hosts. */
export function hostParts(text: string): HostParts | null {
  const path = /^(\/\S*)/.exec(text)
  if (path !== null) return { host: path[1]!, port: '', target: '' }
  const url = URL_PARTS.exec(text)
  if (url === null || /^socket:/i.test(text)) return null
  const query = new Map(queryOf(url[3]!).settings.map(({ name, value }) => [name, decoded(value)]))
  const places = url[2] === '' ? [] : url[2]!.split(',').map(placeIn)
  // With one host, the port may come from the environment. With several, a missing port is the default port.
  const ports = places.some(({ port }) => port !== '') || places.length > 1
  return {
    host: query.get('host') || places.map(({ host }) => decoded(host)).join(','),
    port: query.get('port') || (ports ? places.map(({ port }) => port).join(',') : ''),
    target: query.get('target_session_attrs') ?? '',
  }
}

/** The same connection string with this host as its only host. */
export function withHostAlone(text: string, host: string, port: number): string {
  if (text.startsWith('/')) return text.replace(/^\S*/, () => host)
  const url = URL_PARTS.exec(text)
  if (url === null) return text
  const [, before, , behind] = url
  const { head, settings, tail } = queryOf(behind!)
  const kept = settings.filter(({ name }) => !PLACES.has(name)).map(({ text: setting }) => setting)
  const query = kept.length === 0 ? '' : `?${kept.join('&')}`
  return `${before}${hostInUrl(host)}:${port}${head}${query}${tail}`
}

function hostInUrl(host: string): string {
  return host.includes(':') && !host.startsWith('/') ? `[${host}]` : encodeURIComponent(host)
}

/** Splits the part of a URL that follows the hosts. */
function queryOf(behind: string): {
  readonly head: string
  readonly settings: readonly { readonly name: string; readonly value: string; readonly text: string }[]
  readonly tail: string
} {
  const [, head = '', query = '', tail = ''] = /^([^?#]*)(?:\?([^#]*))?(#[^]*)?$/.exec(behind) ?? []
  const settings = query
    .split('&')
    .filter((text) => text !== '')
    .map((text) => {
      const [name = '', ...value] = text.split('=')
      return { name: decoded(name), value: value.join('='), text }
    })
  return { head, settings, tail }
}

/** The port follows the last colon, unless that colon is inside the brackets of an IPv6 address. */
function placeIn(text: string): { readonly host: string; readonly port: string } {
  const [, host = text, port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? []
  return { host, port }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
