export const command: import('../command.js').Command = null as never
