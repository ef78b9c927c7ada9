/** Opens a store, and says what came of it: `open-store.mjs PATH` */
import { Store } from '../../../../src/ipc/service/store/store.js'

const said = await Store.open(process.argv[2]!).then(
  () => 'open',
  ({ code, message }) => `${code} ${message}`,
)
process.stdout.write(said)
process.exit()
