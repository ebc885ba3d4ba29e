import { format } from 'prettier'

/** Slightly narrower than a page that GitHub shows without scrolling. */
const WIDTH = 100

/** Formats a page as prettier does. The signatures on it are no complete program, so they are formatted separately. */
export async function layOut(page, style) {
  const parts = page.split(/^(```typescript\n[\s\S]*?^```$)/m)
  const laidOut = parts.map((part) =>
    part.startsWith('```typescript') ? layOutSignatures(part, style) : part,
  )
  return format((await Promise.all(laidOut)).join(''), { ...style, parser: 'markdown' })
}

/** Makes the signatures members of an interface, which is valid TypeScript. */
async function layOutSignatures(block, style) {
  const text = block.replace(/^```typescript\n/, '').replace(/```$/, '')
  if (text.startsWith('type ')) return block
  const members = text.replaceAll(/^(new|function) /gm, '$1_of_')
  const whole = await format(`interface _ {\n${members}}`, {
    ...style,
    printWidth: WIDTH + 2,
    parser: 'typescript',
  })
  const lines = whole.trimEnd().split('\n').slice(1, -1)
  const dedented = lines.map((line) => line.replace(/^ {2}/, '').replace(/^(new|function)_of_/, '$1 '))
  return `\`\`\`typescript\n${dedented.join('\n')}\n\`\`\``
}
