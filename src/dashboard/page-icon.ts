/** A padlock, in a separate file because the content policy allows no data URLs. */
export const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2f5bd0"/><path d="M11 15v-3.500a5 5 0 0 1 10 0V15" fill="none" stroke="#fff" stroke-width="2.600"/><rect x="8" y="14.500" width="16" height="11" rx="2.500" fill="#fff"/></svg>
`
