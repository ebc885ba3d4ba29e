import type { ClientLink } from '../client/client-link.js'
import type { Passing } from '../upstream/passing.js'
import type { Evaluator } from '../upstream/passing.js'
import type { KnownTexts } from '../sql/known-texts.js'
import type { StatementContext } from '../statements/statement-context.js'

/** One client, as the code of both query protocols sees it. */
export interface QuerySession extends StatementContext {
  readonly link: ClientLink
  readonly texts: KnownTexts
  readonly evaluator: Evaluator
  /** Null if other statements are refused. */
  readonly passing: Passing | null
  /** Whether unknown uses of advisory locks run on a connection that the client then keeps. */
  readonly mayPin: boolean
  /** A statement begins: its time limit starts here. */
  begin(): void
}
