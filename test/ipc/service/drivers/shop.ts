/**
 * Programs of a supervised service "shop":
 *
 *     shop.mjs serve         with KILL: kills itself now and then, and surely in its first life
 *     shop.mjs order COUNT   orders, by ids that are the same in each of its lives; with KILL: dies in the middle of its first
 *     shop.mjs read          prints what is in the store of who answers
 *     shop.mjs slow MS       prints what a call gives that takes so long
 */
import { setTimeout as delay } from 'node:timers/promises'
import { client, method, serve } from 'ipcsup/child'

const [role, count = '0'] = process.argv.slice(2)
const { KILL, IPCSUP_GENERATION: life } = process.env
const dieSoon = (): void => void setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * 4)
const diesInMiddle = KILL !== undefined && life === '1'
let orders = 0

const api = {
  order: method({ effects: 'store' }, ({ store, caller }, item: string) => {
    store.append('orders', `${item} for ${caller}`)
    orders += 1
    if ((diesInMiddle && orders === 10) || (KILL !== undefined && Math.random() < 0.1)) dieSoon()
    return item.toUpperCase()
  }),
  orders: method({ effects: 'store' }, ({ store }) => store.list('orders') as readonly string[]),
  slow: async (ms: number) => {
    process.stdout.write('begun\n')
    return delay(ms, 'done')
  },
  life: () => Number(life),
}

export type Shop = typeof api

if (role === 'serve') await serve(api)

const shop = role === 'serve' ? null : client<Shop>('shop')

if (role === 'order' && shop !== null) {
  for (let number = 1; number <= Number(count); number++) {
    const item = `item ${number}`
    if (diesInMiddle && number === Math.ceil(Number(count) / 2)) dieSoon()
    const said = await shop.order.with({ id: `${process.env['IPCSUP_PROCESS']} ${item}` })(item)
    if (said !== item.toUpperCase()) throw new Error(`${item} was answered by ${said}`)
  }
  // It was quicker than its end.
  if (diesInMiddle) await delay(60_000)
}

if (role === 'read' && shop !== null) process.stdout.write(`${JSON.stringify(await shop.orders())}\n`)

if (role === 'slow' && shop !== null) {
  const call = shop.slow(Number(count))
  process.stdout.write('asked\n')
  process.stdout.write(`${await call}\n`)
}
