/**
 * Reads the types of the entry points from the compiler, as plain data. TypeScript 7 has its API under `unstable`. If
 * an update changes it, the test of the reference fails.
 */
import { dirname, join, relative } from 'node:path'
import { SyntaxKind } from 'typescript/unstable/ast'
import { API, SymbolFlags } from 'typescript/unstable/sync'
import { NO_DOCSTRING, parseDocstring } from './docstring.mjs'

/** Calls `use` while the compiler runs, because its argument asks the compiler on demand. */
export function withTypes(root, use) {
  const api = new API({ cwd: root })
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(root, 'tsconfig.build.json')] })
    return use(new Types(root, snapshot.getProjects()[0]))
  } finally {
    api.close()
  }
}

class Types {
  #root
  #project
  #checker
  #declared = new Map()

  constructor(root, project) {
    this.#root = root
    this.#project = project
    this.#checker = project.checker
  }

  /** The exports of a file, in the order of the file. */
  entry(path) {
    const file = this.#project.program.getSourceFile(join(this.#root, path))
    const symbols = this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(file))
    const exports = symbols.map((symbol) => ({
      type: this.#declare(symbol),
      isTypeOnly: this.#nodesOf(symbol).some(
        ({ isTypeOnly, parent }) => isTypeOnly || parent.parent?.isTypeOnly,
      ),
    }))
    return { path, folder: dirname(path), doc: headerOf(file.text), exports }
  }

  #declare(symbol) {
    const real = symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
    const known = this.#declared.get(real.id)
    if (known !== undefined) return known
    const nodes = this.#nodesOf(real)
    if (nodes.length === 0) return null
    const [node] = nodes
    const path = relative(this.#root, node.getSourceFile().fileName)
    if (path.startsWith('..') || path.includes('node_modules')) return null
    // Registered before its parts are read, because types refer to each other in cycles.
    const type = { name: real.name, path, doc: docOf(nodes), kind: KINDS[SyntaxKind[node.kind]] ?? 'other' }
    this.#declared.set(real.id, type)
    Object.assign(type, this.#parts(real, node, nodes))
    return type
  }

  #parts(symbol, node, nodes) {
    const parameters = (node.typeParameters ?? []).map((parameter) => parameter.getText()).join(', ')
    const generic = parameters === '' ? '' : `<${parameters}>`
    if (node.kind === SyntaxKind.FunctionDeclaration) {
      const shown = overloadsOf(nodes)
      return {
        generic,
        signatures: shown.map(signatureOf),
        mentions: shown.flatMap((each) => this.#mentions(each)),
      }
    }
    if (node.kind === SyntaxKind.TypeAliasDeclaration)
      return { generic, text: this.#aliasText(symbol, node), mentions: this.#mentions(node.type) }
    const bases = (node.heritageClauses ?? [])
      .filter(({ token }) => token === SyntaxKind.ExtendsKeyword)
      .flatMap(({ types }) => types.map(({ expression }) => this.#checker.getSymbolAtLocation(expression)))
    const base = bases.map((each) => this.#declare(each)).find((each) => each !== null) ?? null
    const members = inOrder(this.#members(symbol), symbol.name, base)
    for (const member of members)
      if (member.doc === NO_DOCSTRING) member.doc = inheritedDoc(base, member.name)
    return {
      generic,
      base,
      isError: bases.some(({ name }) => name === 'Error') || (base?.isError ?? false),
      constructors: this.#constructors(node, symbol.name),
      members,
      mentions: members.flatMap(({ mentions }) => mentions),
    }
  }

  #constructors(node, name) {
    const nodes = (node.members ?? []).filter(({ kind }) => kind === SyntaxKind.Constructor)
    const parameters = (node.typeParameters ?? []).map((parameter) => parameter.name.getText()).join(', ')
    const whole = parameters === '' ? name : `${name}<${parameters}>`
    return overloadsOf(nodes).map((each) => ({
      text: signatureOf(each).replace(/^constructor/, `new ${whole}`),
      doc: docOf([each]),
      mentions: this.#mentions(each),
    }))
  }

  /** Includes inherited members, except those of Node.js and of the language. */
  #members(symbol) {
    const properties = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(symbol))
    return properties
      .map((property) => ({ nodes: this.#nodesOf(property) }))
      .filter(({ nodes: [node] }) => node !== undefined && isPublic(node) && isOurs(node, this.#root))
      .map(({ nodes }) => {
        const [node] = nodes
        const isMethod = METHODS.has(node.kind)
        const shown = isMethod ? overloadsOf(nodes) : [node]
        return {
          name: node.name.getText().replaceAll(/^'|'$/g, ''),
          isMethod,
          owner: this.#declare(this.#checker.getSymbolAtLocation(node.parent.name)),
          isOptional: node.questionToken !== undefined || node.postfixToken !== undefined,
          text: isMethod ? null : typeTextOf(node),
          signatures: isMethod ? shown.map(signatureOf) : [],
          doc: docOf(nodes),
          mentions: shown.flatMap((each) => this.#mentions(each)),
          at: node.pos,
        }
      })
  }

  #nodesOf(symbol) {
    return symbol.declarations
      .map((handle) => handle.resolve(this.#project))
      .filter((node) => node !== undefined)
  }

  /** The types of this project that the declaration names, outside bodies and default values. */
  #mentions(node) {
    const found = []
    const visit = (each) => {
      if (each.kind === SyntaxKind.Block || each === node.initializer) return
      if (each.kind === SyntaxKind.TypeReference) found.push(each.typeName)
      each.forEachChild(visit)
    }
    visit(node)
    const symbols = found
      .map((name) => this.#checker.getSymbolAtLocation(name))
      .filter((symbol) => symbol !== undefined)
    const types = symbols
      .filter(({ flags }) => !(flags & SymbolFlags.TypeParameter))
      .map((symbol) => this.#declare(symbol))
    return [...new Set(types.filter((type) => type !== null))]
  }

  /** Lists the names of the keys. A reader of the page does not see the constant that the type refers to. */
  #aliasText(symbol, node) {
    const text = node.type.getText()
    if (!/\btypeof\b/.test(text)) return text
    const union = this.#checker.typeToString(this.#checker.getDeclaredTypeOfSymbol(symbol))
    return union.replaceAll('"', "'")
  }
}

const KINDS = {
  ClassDeclaration: 'class',
  InterfaceDeclaration: 'interface',
  TypeAliasDeclaration: 'alias',
  FunctionDeclaration: 'function',
}

const METHODS = new Set([SyntaxKind.MethodDeclaration, SyntaxKind.MethodSignature, SyntaxKind.CallSignature])

/**
 * Returns the members in the order of the source, the type's own first. But the members of a base class of the same
 * name come before them, because they are the larger part.
 */
function inOrder(members, name, base) {
  const bases = []
  for (let each = base; each !== null; each = each.base) bases.push(each)
  const isSame = base?.name === name
  const rank = ({ owner }) => (isSame && owner === base ? -1 : 1 + bases.indexOf(owner))
  return members.toSorted((a, b) => rank(a) - rank(b) || a.at - b.at)
}

function isPublic(node) {
  const hidden = new Set([SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword, SyntaxKind.StaticKeyword])
  if (node.name === undefined || node.name.kind === SyntaxKind.PrivateIdentifier) return false
  return !(node.modifiers ?? []).some(({ kind }) => hidden.has(kind)) && node.type?.getText() !== 'never'
}

function isOurs(node, root) {
  const path = relative(root, node.getSourceFile().fileName)
  return !path.startsWith('..') && !path.includes('node_modules')
}

/** Leaves out the implementation of overloads, which callers do not see. */
function overloadsOf(nodes) {
  const heads = nodes.filter(({ body }) => body === undefined)
  return heads.length > 0 ? heads : nodes
}

/** The text before the body, without `async` and other modifiers. A parameter with a default is optional. */
function signatureOf(node) {
  const generic = node.typeParameters
    ? `<${node.typeParameters.map((each) => each.getText()).join(', ')}>`
    : ''
  const parameters = (node.parameters ?? []).map(parameterOf).join(', ')
  const result = node.type === undefined ? '' : `: ${node.type.getText()}`
  const name = node.kind === SyntaxKind.Constructor ? 'constructor' : (node.name?.getText() ?? '')
  const mark = node.questionToken !== undefined || node.postfixToken !== undefined ? '?' : ''
  return `${name}${mark}${generic}(${parameters})${result}`
}

function parameterOf(parameter) {
  const { name, dotDotDotToken, questionToken, initializer } = parameter
  const isPattern =
    name.kind === SyntaxKind.ObjectBindingPattern || name.kind === SyntaxKind.ArrayBindingPattern
  const isOptional = questionToken !== undefined || initializer !== undefined
  return `${dotDotDotToken ? '...' : ''}${isPattern ? 'options' : name.getText()}${isOptional ? '?' : ''}: ${typeTextOf(parameter)}`
}

/** If no type is written, derives it from the initial value. The type of a readonly property is that value. */
function typeTextOf({ type, initializer, modifiers }) {
  if (type !== undefined) return type.getText()
  const text = initializer.getText()
  if ((modifiers ?? []).some(({ kind }) => kind === SyntaxKind.ReadonlyKeyword)) return text
  if (/^(?:true|false)$/.test(text)) return 'boolean'
  return /^['"`]/.test(text) ? 'string' : 'number'
}

function docOf(nodes) {
  const comment = nodes.flatMap(({ jsDoc }) => jsDoc ?? []).at(0)
  return comment === undefined ? NO_DOCSTRING : parseDocstring(comment.getText())
}

function inheritedDoc(base, name) {
  for (let type = base; type !== null && type !== undefined; type = type.base) {
    const doc = type.members?.find((member) => member.name === name)?.doc
    if (doc !== undefined && doc !== NO_DOCSTRING) return doc
  }
  return NO_DOCSTRING
}

/** The comment at the beginning of the file. */
function headerOf(text) {
  const [comment] = /^\/\*\*[\s\S]*?\*\//.exec(text) ?? ['/** */']
  return parseDocstring(comment).prose
}
