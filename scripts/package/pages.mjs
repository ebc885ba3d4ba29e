const FENCED = /^```[\s\S]*?^```$/gm
const LINK = /(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)/g

/**
 * A page as it is in the package, which has no other pages than `pages`. With a repository in the manifest, links lead there.
 * Without one they become the words and the path, so that no link is dead.
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
