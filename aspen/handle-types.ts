/**
 * How an actor's handlers become the methods of those who hold it: the types alone, for the host's handles and for those
 * of a simulated node, which know no promises.
 */

// biome-ignore lint/suspicious/noExplicitAny: matches the handler of any state and argument.
export type AnyHandler = (state: any, argument: any, ctx: any) => unknown

/** What a handler is called with; `unknown` where it takes nothing. */
export type Argument<H> = H extends (state: infer _S, argument: infer A, ...rest: infer _R) => unknown ? A : never

/** What it replies with, in the end where it is asynchronous. */
export type Reply<H> = H extends (...all: infer _A) => infer R ? Awaited<R> : never

type Teller<H> = unknown extends Argument<H> ? () => void : (argument: Argument<H>) => void

/** `tell` as methods for a map of handlers, as a function of a message for a union. */
export type TellOf<P> = P extends (state: infer _S, message: infer M, ...rest: infer _R) => unknown
  ? (message: M) => void
  : { readonly [K in keyof P]: Teller<P[K]> }
