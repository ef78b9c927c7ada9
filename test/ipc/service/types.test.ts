/** A service is typed from its handlers to its callers. */
import { expect, expectTypeOf, test } from 'vitest'
import { type Client, client, method, type StreamAnswer, serve } from '../../../src/child/index.js'

const api = {
  add: (a: number, b: number) => a + b,
  find: async (name: string, limit?: number) => (limit === undefined ? null : { name }),
  list: async function* (prefix: string) {
    yield prefix.length
  },
  later: async () => api.list('a'),
  order: method({ effects: 'store' }, ({ store, key }, item: string, count?: number) => {
    store.append('orders', [item, count, key])
    return count ?? 1
  }),
  round: (value: number, digits = 0) => value.toFixed(digits),
  take: method({}, ({ caller }, item: string, count = 1, { isUrgent = false }: { isUrgent?: boolean } = {}) => {
    expectTypeOf(count).toEqualTypeOf<number>()
    return isUrgent ? caller : item.repeat(count)
  }),
  each: method({}, async function* (_context, ...items: string[]) {
    yield* items
  }),
}

test('a client has the methods of the service, their arguments and their results', () => {
  const calls = (calc: Client<typeof api>) => {
    expectTypeOf(calc.add(1, 2)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(calc.add(1, 2, { timeout: 100 })).toEqualTypeOf<Promise<number>>()
    expectTypeOf(calc.add.with({ id: 'a' })(1, 2)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(calc.find('a')).resolves.toEqualTypeOf<{ name: string } | null>()
    expectTypeOf(calc.list('a')).toEqualTypeOf<StreamAnswer<number>>()
    expectTypeOf(calc.later()).toEqualTypeOf<StreamAnswer<number>>()
    expectTypeOf(calc.order('pen', 2)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(calc.order('pen')).toEqualTypeOf<Promise<number>>()
    expectTypeOf(calc.round(1)).toEqualTypeOf<Promise<string>>()
    expectTypeOf(calc.take('pen')).toEqualTypeOf<Promise<string | null>>()
    expectTypeOf(calc.take('pen', 2, { isUrgent: true }, { timeout: 100 })).toEqualTypeOf<Promise<string | null>>()
    expectTypeOf(calc.each('a', 'b')).toEqualTypeOf<StreamAnswer<string>>()
    // @ts-expect-error: what has a number as its default value is a number
    calc.take('pen', '2')
    // @ts-expect-error: the same without a context
    calc.round(1, '2')
    // @ts-expect-error: no such method
    calc.ad(1, 2)
    // @ts-expect-error: one argument is missing
    calc.add(1)
    // @ts-expect-error: a text is no number
    calc.add('1', 2)
    // @ts-expect-error: an id alone is taken for an argument
    calc.add(1, 2, { id: 'a' })
    // @ts-expect-error: its context is none of its arguments
    calc.order({}, 'pen')
  }
  const asked = () => [calls(client<typeof api>('calc')), serve(api), client('calc')['anything']?.(1, 'two')]
  expect(asked).toBeTypeOf('function')
})

test('a process without an end of it is told so', async () => {
  expect(() => client('calc')).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_NO_SUCH_END' }))
  await expect(serve(api)).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_SUCH_END' })
})
