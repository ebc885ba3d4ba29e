/** The page of the dashboard is at `/locks/`. Its relative links need the slash, which Next.js would remove. */
export default { skipTrailingSlashRedirect: true }
