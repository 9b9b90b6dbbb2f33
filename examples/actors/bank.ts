/**
 * A replicated state machine of one's own: accounts, and transfers that never make or lose money.
 *
 * Every member applies the same commands in the same order, so `apply` may depend on its arguments and nothing else: no
 * date, no dice. The state lives in memory; what must survive a restart is written to the machine's own store, which the
 * runtime makes durable together with how far the log has been applied.
 */
import { type Applied, type ApplyPosition, defineStateMachine, type MachineContext, type StateMachine } from 'aspen'

export type BankCommand =
  | { readonly type: 'deposit'; readonly to: string; readonly amount: number }
  | { readonly type: 'transfer'; readonly from: string; readonly to: string; readonly amount: number }

export type BankReply =
  | { readonly type: 'done'; readonly balance: number }
  | { readonly type: 'refused'; readonly reason: string }

export type BankQuery = { readonly type: 'balance'; readonly of: string } | { readonly type: 'total' }

export interface BankState {
  readonly store: MachineContext['store']
  readonly currency: string
  readonly accounts: Map<string, number>
}

export interface BankArgs {
  readonly currency: string
}

export const bank: StateMachine<BankArgs, BankState, BankCommand, BankReply, BankQuery, string> = defineStateMachine(
  import.meta.url,
  {
    name: 'bank',
    init: (ctx: MachineContext, { currency }: BankArgs): BankState => ({
      store: ctx.store,
      currency,
      accounts: new Map((ctx.store.getValue('accounts') as [string, number][] | undefined) ?? []),
    }),
    apply,
    query: (state: BankState, query: BankQuery): string => {
      const amount =
        query.type === 'balance'
          ? balanceOf(state, query.of)
          : [...state.accounts.values()].reduce((sum, balance) => sum + balance, 0)
      return `${amount} ${state.currency}`
    },
    // A member that lags too far behind the log is sent the whole state, in chunks of up to about 1 MiB.
    snapshot: (state: BankState) => ({
      chunks: [new TextEncoder().encode(JSON.stringify([...state.accounts]))].values(),
      done: () => {},
    }),
    restore: (ctx: MachineContext, { currency }: BankArgs, chunks: Iterable<Uint8Array>): BankState => {
      const text = [...chunks].map((chunk) => new TextDecoder().decode(chunk)).join('')
      const accounts = new Map(JSON.parse(text) as [string, number][])
      ctx.store.putValue('accounts', [...accounts])
      return { store: ctx.store, currency, accounts }
    },
  },
)

function apply(state: BankState, command: BankCommand, _at: ApplyPosition): Applied<BankReply> {
  if (command.type === 'transfer') {
    const present = balanceOf(state, command.from)
    if (present < command.amount) return { reply: { type: 'refused', reason: `${command.from} has only ${present}` } }
    state.accounts.set(command.from, present - command.amount)
  }
  const balance = balanceOf(state, command.to) + command.amount
  state.accounts.set(command.to, balance)
  state.store.putValue('accounts', [...state.accounts])
  return { reply: { type: 'done', balance } }
}

function balanceOf({ accounts }: BankState, name: string): number {
  return accounts.get(name) ?? 0
}
