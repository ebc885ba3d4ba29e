/** Decides for each type its page, its group and its place in the order. */

const NOT_EXPORTED = 'Without an export of their own'

/** A type belongs to the first group whose condition it meets. */
const ROOM = {
  'What you call': ({ isCalled }) => isCalled,
  Errors: ({ isError }) => isError,
  [NOT_EXPORTED]: ({ isExported }) => !isExported,
  Options: ({ name }) => /(?:Options|Config)$/.test(name),
  Events: ({ name }) => name.endsWith('Events'),
  'What you get': ({ members }) => members?.some(({ isMethod }) => isMethod),
  Data: () => true,
}

const ORDER = ['What you call', 'What you get', 'Options', 'Events', 'Data', 'Errors', NOT_EXPORTED]

/**
 * Returns each entry point with the groups of its page. Sets `home` of every type: the entry point whose page describes
 * it.
 */
export function arrange(entries) {
  const exports = entries.flatMap((entry) => entry.exports)
  for (const { type, isTypeOnly } of exports) {
    type.isExported = true
    type.isCalled ||= !isTypeOnly && !type.isError && (type.kind === 'class' || type.kind === 'function')
  }
  for (const { type } of exports) {
    type.home = homeOf(type, entries)
    // An exported class may extend a general class of the same name that is not exported. The first such class stands
    // for the general one.
    if (type.base?.name === type.name && !type.base.isExported) type.base.standIn ??= type
  }
  const byName = new Map(exports.toReversed().map(({ type }) => [type.name, type]))
  for (const entry of entries) {
    Object.assign(entry, { byName, groups: groupsOf(typesOf(entry)) })
    nameAnchors(entry.groups)
  }
  return entries
}

/** If several entry points export a type, it belongs to the one whose folder contains it. */
function homeOf(type, entries) {
  const exporting = entries.filter((entry) => entry.exports.some((each) => each.type === type))
  return (
    exporting.find(({ folder }) => folder !== 'src' && type.path.startsWith(`${folder}/`)) ?? exporting[0]
  )
}

/** Orders the types as a reader needs them: first what users call, then the types that those mention, and so on. */
function typesOf(entry) {
  const rank = ({ isCalled, kind }) => (isCalled ? (kind === 'class' ? 0 : 1) : 2)
  const roots = entry.exports.map(({ type }) => type).toSorted((a, b) => rank(a) - rank(b))
  const found = new Set(roots.filter(({ isCalled }) => isCalled))
  const follow = () => {
    // The loop adds to the set that it visits.
    for (const type of found)
      for (const mentioned of type.home === entry ? mentionsOf(type) : []) settle(mentioned)
  }
  const settle = (mentioned) => {
    const type = mentioned.standIn ?? mentioned
    if (!type.isExported && !saysSomething(type)) return
    type.home ??= entry
    found.add(type)
  }
  follow()
  for (const type of roots) found.add(type)
  follow()
  return [...found].filter(({ home }) => home === entry)
}

function saysSomething({ doc }) {
  return doc.prose !== '' && !doc.isInternal
}

function mentionsOf(type) {
  const constructors = type.isCalled ? (type.constructors ?? []) : []
  return [...constructors, ...(shownMembers(type) ?? [type])].flatMap(({ mentions }) => mentions)
}

/** The members without those that are internal, and without those that another type's entry describes. */
export function shownMembers(type) {
  const isHere = (owner) => owner === type || (!owner.isExported && (owner.standIn ?? type) === type)
  return type.members?.filter(({ doc, owner }) => !doc.isInternal && isHere(owner))
}

function groupsOf(types) {
  const groups = new Map(ORDER.map((title) => [title, []]))
  for (const type of types) {
    const [title] = Object.entries(ROOM).find(([, hasRoom]) => hasRoom(type))
    groups.get(title).push(type)
  }
  groups
    .get('Errors')
    .sort((a, b) => (a.name === 'LockError' ? -1 : b.name === 'LockError' ? 1 : a.name < b.name ? -1 : 1))
  return [...groups].filter(([, types]) => types.length > 0).map(([title, types]) => ({ title, types }))
}

/**
 * Gives each heading the anchor that the page will have. If two headings differ only in case, the second gets a number.
 */
function nameAnchors(groups) {
  const taken = new Map()
  for (const type of groups.flatMap(({ types }) => types)) {
    const name = type.name.toLowerCase()
    const before = taken.get(name) ?? 0
    taken.set(name, before + 1)
    type.anchor = before === 0 ? name : `${name}-${before}`
  }
}
