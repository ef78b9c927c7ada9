/** Processes in one config, every replica and stage counted. */
export const mostProcesses = 10_000
/** Links in one config, those of pipelines included. */
export const mostLinks = 10_000
/** Bytes of the text of a config file. */
export const longestConfigBytes = 2 ** 20
