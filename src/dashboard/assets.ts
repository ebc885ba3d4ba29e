import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { pageHtml } from './page-html.js'
import { PAGE_ICON } from './page-icon.js'
import { PAGE_STYLE } from './page-style.js'

/** A file of the page, as it is sent. */
export interface Asset {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
  readonly etag: string
}

/** By their paths below the page; the page itself is the empty one. */
export type Assets = ReadonlyMap<string, Asset>

/** As built: `tsc` makes the modules of the page, from wherever this file runs. */
const MODULES = new URL('../../dist/dashboard/page/', import.meta.url)

let assets: Assets | null = null

/** Read and compressed once, when somebody asks. */
export function pageAssets(): Assets {
  assets ??= readAssets()
  return assets
}

function readAssets(): Assets {
  const modules = readdirSync(MODULES).filter((name) => name.endsWith('.js'))
  const page = pageHtml(modules.map((name) => `page/${name}`))
  return new Map([
    ['', asset('text/html; charset=utf-8', page)],
    ['style.css', asset('text/css; charset=utf-8', PAGE_STYLE)],
    ['icon.svg', asset('image/svg+xml', PAGE_ICON)],
    ...modules.map((name): [string, Asset] => [`page/${name}`, moduleAsset(name)]),
  ])
}

function moduleAsset(name: string): Asset {
  const text = readFileSync(fileURLToPath(new URL(name, MODULES)), 'utf8')
  // Source maps are for who debugs the package, and are not served.
  return asset('text/javascript; charset=utf-8', text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))
}

export function asset(type: string, text: string): Asset {
  const bytes = new TextEncoder().encode(text)
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 20)}"`
  return { type, bytes, gzipped: new Uint8Array(gzipSync(bytes, { level: 9 })), etag }
}
