/**
 * The page of the dashboard is at `/locks/`: relative links in it need the slash, which Next.js would take away. And the
 * dashboard compresses what it sends, which Next.js would do once more (measured with 16.4).
 */
export default { skipTrailingSlashRedirect: true, compress: false }
