const FENCED = /^```[\s\S]*?^```$/gm
const LINK = /(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)/g

/**
 * A page as the package contains it. The package has only the pages in `pages`. If the manifest names a repository,
 * links to other pages lead there. Otherwise such a link becomes its words and the path, so that no link is dead.
 */
export function publishedPage(text, pages, { repository, version }) {
  const url = (typeof repository === 'string' ? repository : repository?.url)?.replace(/^git\+|\.git$/g, '')
  const link = (all, bang, words, path) => {
    if (pages.includes(path.replace(/#.*/, ''))) return all
    if (url !== undefined) return `${bang}[${words}](${url}/blob/v${version}/${path})`
    return bang === '!' ? '' : `${words} (\`${path}\`)`
  }
  const fences = text.match(FENCED) ?? []
  const prose = text
    .split(FENCED)
    .map((part) =>
      url === undefined ? part.replaceAll(/<picture>[\s\S]*?<\/picture>|<img\b[^>]*>/g, '') : part,
    )
    .map((part) => part.replaceAll(LINK, link))
  return prose.map((part, at) => part + (fences[at] ?? '')).join('')
}
