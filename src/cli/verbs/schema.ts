import { formatJson } from '../show/text.js'
import type { Verb } from '../verb.js'

export const schema: Verb = {
  examples: [['ipcsup schema > ipcsup.schema.json', 'for "$schema" in a JSON or YAML config']],
  async run(call) {
    const [{ makeJsonSchema }, { kinds }] = await Promise.all([
      import('../../config/json-schema.js'),
      import('../../ipc/kinds/index.js'),
    ])
    call.out.write(formatJson(makeJsonSchema(kinds)))
    return 0
  },
}
