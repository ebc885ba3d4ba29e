import { ConnectionError } from '../base/errors.js'

/** An attempt to connect was given up because its time was over. No server has refused it. */
export class NoAnswer extends ConnectionError {}
