import { byId, setText } from './dom.js'

const KEY = 'lockpool theme'
const THEMES = ['system', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

/** The system's theme, until the user chooses another. */
export function setUpTheme(): () => void {
  let theme: Theme = THEMES.find((each) => each === stored()) ?? 'system'
  const apply = (): void => {
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    setText(byId('theme'), `Theme: ${theme}`)
  }
  const next = (): void => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!
    store(theme)
    apply()
  }
  byId('theme').addEventListener('click', next)
  apply()
  return next
}

/** The browser may refuse storage. Then the page uses the system's theme. */
function stored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function store(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // The theme lasts until the page is closed.
  }
}
