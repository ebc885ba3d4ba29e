/** The page of the dashboard is at `/locks/`: relative links in it need the slash, which Next.js would take away. */
export default { skipTrailingSlashRedirect: true }
