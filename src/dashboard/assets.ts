import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { pageHtml } from './page-html.js'
import { PAGE_ICON } from './page-icon.js'
import { pageModules } from './page-modules.js'
import { pageStyle } from './page-style.js'

/** A file of the page, as it is sent. */
export interface Asset {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
  readonly etag: string
}

/** By their paths below the page; the page itself is the empty one. */
export type Assets = ReadonlyMap<string, Asset>

let assets: Assets | null = null

/** Compressed once, at the first request. */
export function pageAssets(): Assets {
  assets ??= makeAssets(pageModules())
  return assets
}

function makeAssets(modules: ReadonlyMap<string, string>): Assets {
  const page = pageHtml([...modules.keys()].map((name) => `page/${name}`))
  return new Map([
    ['', asset('text/html; charset=utf-8', page)],
    ['style.css', asset('text/css; charset=utf-8', pageStyle())],
    ['icon.svg', asset('image/svg+xml', PAGE_ICON)],
    ...[...modules].map(([name, text]): [string, Asset] => [
      `page/${name}`,
      asset('text/javascript; charset=utf-8', text),
    ]),
  ])
}

export function asset(type: string, text: string): Asset {
  const bytes = new TextEncoder().encode(text)
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 20)}"`
  return { type, bytes, gzipped: new Uint8Array(gzipSync(bytes, { level: 9 })), etag }
}
