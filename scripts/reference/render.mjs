/** Renders pages of the reference as Markdown. prettier formats them afterwards. */
import { splitDefault } from './docstring.mjs'
import { shownMembers } from './pages.mjs'

/** The page of one entry point. */
export function renderPage(entry) {
  const link = linkerOf(entry)
  const elsewhere = entry.exports.map(({ type }) => type).filter(({ home }) => home !== entry)
  const lines = [
    `# \`${entry.specifier}\``,
    MADE,
    introduction(entry),
    ...entry.groups.map(
      ({ title, types }) => `- **${title}**: ${types.map((type) => link(type)).join(', ')}`,
    ),
    ...(elsewhere.length > 0
      ? [`- **Of other entry points**: ${elsewhere.map((type) => link(type)).join(', ')}`]
      : []),
    ...entry.groups.flatMap(({ title, types }) => [
      `## ${title}`,
      ...types.flatMap((type) => renderType(type, link)),
    ]),
  ]
  return lines.map((line) => (line.startsWith('- ') ? `${line}\n` : `${line}\n\n`)).join('')
}

const MADE = '<!-- Made by `npm run docs:reference` from the docstrings in src. -->'

/** The page that lists all entry points. */
export function renderIndex(entries) {
  const parts = entries.map((entry) => {
    const names = entry.groups
      .flatMap(({ types }) => types)
      .filter(({ isExported }) => isExported)
      .map((type) => `[\`${type.name}\`](${addressOf(type, 'api/')})`)
    return `## [\`${entry.specifier}\`](api/${entry.slug}.md)\n\n${introduction(entry)}\n\n${names.join(' · ')}`
  })
  return [
    '# What can be imported',
    MADE,
    'A page for each entry point: what it exports, with types, defaults, limits, and what is thrown. Durations are milliseconds and end in `Ms`.',
    ...parts,
  ].join('\n\n')
}

/** The header of a file begins with the file's own name. The page does not repeat it. */
function introduction({ doc }) {
  const text = doc.replace(/^`[^`]+`: /, '')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function renderType(type, link) {
  return [
    `### \`${type.name}\``,
    ...(type.isError ? [errorFacts(type)] : []),
    ...(type.members !== undefined && type.generic !== '' ? [`\`${type.name}${type.generic}\``] : []),
    ...(type.text === undefined
      ? []
      : [code(`type ${type.name}${type.generic} = ${type.text.replace(/^\|\s*/, '')}`)]),
    ...(type.signatures === undefined ? [] : [code(...type.signatures.map((each) => `function ${each}`))]),
    ...described(type.doc, link),
    ...ancestry(type, link),
    ...(type.members === undefined ? [] : renderMembers(type, link)),
  ]
}

function renderMembers(type, link) {
  const isSaidAbove = ({ name }) => type.isError && (name === 'code' || name === 'retryable')
  const members = shownMembers(type).filter((member) => !isSaidAbove(member))
  const properties = members.filter(({ isMethod }) => !isMethod)
  const methods = members.filter(({ isMethod }) => isMethod)
  const [told, untold] = [
    methods.filter(({ doc }) => doc.prose !== ''),
    methods.filter(({ doc }) => doc.prose === ''),
  ]
  return [
    ...(type.isCalled
      ? type.constructors.flatMap(({ text, doc }) => [code(text), ...described(doc, link)])
      : []),
    ...(properties.length === 0 ? [] : [propertyTable(type, properties, link)]),
    ...told.flatMap(({ name, signatures, doc }) => [
      `#### \`${type.name}.${name}\``,
      code(...signatures),
      ...described(doc, link),
    ]),
    ...(untold.length === 0 || told.length === 0 ? [] : ['Besides:']),
    ...(untold.length === 0 ? [] : [code(...untold.flatMap(({ signatures }) => signatures))]),
  ]
}

function propertyTable({ name }, properties, link) {
  const isOptions = name.endsWith('Options')
  const rows = properties.map((property) => {
    const mark = property.isOptional && !isOptions ? '?' : ''
    const { rest, fallback } = splitDefault(property.doc.prose)
    const says = [rest, ...property.doc.throws.map((each) => throwsInWords(each, link))].filter(
      (text) => text !== '',
    )
    return [`\`${property.name}${mark}\``, typeInTable(property, link), cell(fallback), cell(says.join(' '))]
  })
  const hasDefaults = rows.some(([, , fallback]) => fallback !== '')
  const isEvents = name.endsWith('Events')
  const head = [
    isEvents ? 'event' : isOptions ? 'option' : 'property',
    isEvents ? 'tells' : 'type',
    'default',
    '',
  ]
  const shown = [head, head.map(() => '---'), ...rows].map((row) => (hasDefaults ? row : row.toSpliced(2, 1)))
  return shown.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Links the type that the text names, if there is only one. */
function typeInTable({ text, mentions }, link) {
  const flat = text
    .replaceAll(/([^{|(,;\s])\s*\n\s*(?=[^}|)\s])/g, '$1; ')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/(?<=[{;(] ?)readonly /g, '')
    .replace(/^\| /, '')
  const shown = `\`${cell(flat)}\``
  return mentions.length === 1 ? link(mentions[0], shown) : shown
}

function ancestry(type, link) {
  const base = type.base ?? null
  if (base === null || type.isError) return []
  const whole = base.isExported ? base : base.standIn
  if (whole === type || whole === undefined)
    return base.base?.isExported ? [`Has what ${link(base.base)} has, and:`] : []
  if (base.isExported) return [`Has what ${link(whole)} has, and:`]
  const more = whole.members.filter(
    (member) => member.owner === whole && !base.members.some(({ name }) => name === member.name),
  )
  return [`Has what ${link(whole)} has, without ${more.map(({ name }) => `\`${name}\``).join(', ')}.`]
}

function errorFacts({ members, name }) {
  const of = (wanted) => members.find((member) => member.name === wanted)?.text ?? ''
  if (name === 'LockError' || !of('code').startsWith("'")) return ''
  const again =
    { true: 'may be tried again', false: 'not to be tried again' }[of('retryable')] ??
    '`retryable` says whether it may be tried again'
  return `\`${of('code').replaceAll("'", '')}\`; ${again}.`
}

function described({ prose, throws }, link) {
  const list = throws.map((each) => `- ${throwsInWords(each, link).replace(/^Throws /, '')}`)
  return [...(prose === '' ? [] : [prose]), ...(list.length === 0 ? [] : [`Throws\n\n${list.join('\n')}`])]
}

function throwsInWords({ types, when }, link) {
  const names = types.map((name) => link(name)).join(', ')
  if (names === '') return `Throws ${when}`
  const reason =
    when === '' ? '' : `${/^(?:if|and|naming|listing)\b/.test(when) ? '' : ':'} ${when.replace(/\.$/, '')}`
  return `Throws ${names}${reason}.`
}

/** A code block for members and functions. prettier formats it. */
function code(...lines) {
  return `\`\`\`typescript\n${lines.join('\n')}\n\`\`\``
}

function cell(text) {
  return text.replaceAll(/(?<!\\)\|/g, '\\|').replaceAll(/\s*\n\s*/g, ' ')
}

/** Returns a function that links to a type, given the type or its name, from the page of `entry`. */
function linkerOf(entry) {
  return (target, text) => {
    const type = typeof target === 'string' ? entry.byName.get(target) : (target.standIn ?? target)
    if (type === undefined) return `\`${target}\``
    const shown = text ?? `\`${type.name}\``
    return type.home === undefined ? shown : `[${shown}](${addressOf(type, '', entry)})`
  }
}

function addressOf({ home, anchor }, folder, from) {
  return `${home === from ? '' : `${folder}${home.slug}.md`}#${anchor}`
}
