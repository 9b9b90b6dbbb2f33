/**
 * One caller's way to a cluster over gRPC: a channel per endpoint, and for every call the order in which to try them.
 *
 * What is tried again, and where:
 *   - no connection was made: nothing was sent, so every call goes on to the next endpoint;
 *   - the server was reached but did not answer: reads go on, and so do writes that carry a request number, which Aspen
 *     applies once however often they arrive. Other writes fail: they may have happened. So do numbered ones at an etcd,
 *     which does not know numbers: which of the two it is, is asked when it matters;
 *   - the token was refused: nothing was done, so every call is repeated with a new one, a few times at most.
 */
import { Metadata, status } from '@grpc/grpc-js'
import { backoffMs, callBackoff, pause } from './backoff.ts'
import { EndpointPool, sideCallMs } from './endpoint-pool.ts'
import type { Balance } from './endpoints.ts'
import { EtcdCallError } from './etcd-errors.ts'
import type { WireHeader } from './etcd-wire.ts'
import { type Attempt, type EndpointChannel, errorOfCall, failureOf, isDeadline } from './grpc/channel.ts'
import { type CallKind, localRead, type Method, methodOf, readCall } from './grpc/method.ts'
import { AspenError, type CallOptions } from './interface.ts'
import type { ClientTls } from './tls.ts'
import { isTokenRefusal, TokenKeeper, tokenRenewalsMax } from './tokens.ts'

export interface EtcdOptions {
  /** `https://host:port`, or without TLS `http://host:port` or `host:port`. */
  readonly endpoints: readonly string[]
  /** For endpoints that begin with `https://`; without it, those are believed whom the machine's authorities vouch for. */
  readonly tls?: ClientTls
  readonly keyspace?: string
  /** How long a call waits when it does not say, in milliseconds; 5 s by default. */
  readonly deadlineMs?: number
  /** Who calls, where the keyspace knows users. The token is asked for with the first call, and again when it is refused. */
  readonly auth?: { readonly name: string; readonly password: string }
  /** Where reads go: to the first endpoint until it fails, which is the default, or to all in turn. */
  readonly balance?: Balance
  /** What answers there. `auto`, the default, finds out when it matters. */
  readonly server?: 'aspen' | 'etcd' | 'auto'
  /** How long making a connection may take, in milliseconds; 2 s by default. */
  readonly dialMs?: number
}

/** No endpoint could be reached. */
export class EtcdUnreachableError extends Error {
  override readonly name = 'EtcdUnreachableError'
}

const deadlineMsDefault = 5_000
const dialMsDefault = 2_000
/** An endpoint that has others beside it gets at least this long to answer. */
const attemptMsLeast = 200
const defaultKeyspace = 'default'

export class EtcdChannels {
  readonly #options: EtcdOptions
  readonly #pool: EndpointPool
  readonly #tokens = new Map<string, TokenKeeper>()
  #aspen: Promise<boolean> | undefined
  /** What came of it, once it is known. */
  #knownAspen: boolean | undefined

  /** @throws {RangeError} There is no endpoint, or one is not an address; `tls` cannot be used. */
  constructor(options: EtcdOptions) {
    this.#options = options
    this.#pool = new EndpointPool(options.endpoints, options.balance ?? 'first', options.tls)
  }

  get addresses(): readonly string[] {
    return this.#pool.addresses
  }

  async unary<Response>(
    method: Method,
    message: object,
    options: CallOptions | undefined,
    kind: CallKind,
  ): Promise<Response> {
    return (await this.#withToken(options, (call) => this.#unary(method, message, call, kind))) as Response
  }

  /** A server's stream; a failure in its middle is thrown, for a stream cannot be resumed elsewhere. */
  async *stream<Chunk>(method: Method, message: object, options: CallOptions | undefined): AsyncGenerator<Chunk> {
    let call = await this.#tokened(options)
    // A stream may rightly take long: only a deadline that was asked for ends it.
    const deadline = options?.deadlineMs === undefined ? undefined : Date.now() + options.deadlineMs
    const order = this.#pool.order('local', this.#keyspaceOf(options))
    let renewed = false
    for (let at = 0; ; ) {
      const address = order[at] as string
      const chunks = this.#pool.channel(address).serverStream(method, message, {
        metadata: this.#metadataOf(call),
        deadline,
        signal: options?.signal,
      })
      let begun = false
      try {
        for await (const chunk of chunks) {
          begun = true
          yield chunk as Chunk
        }
        return
      } catch (thrown) {
        if (begun) throw this.#named(thrown)
        if (!renewed && isTokenRefusal(errorOfCall(thrown)) && (await this.refuseToken(call))) {
          renewed = true
          call = await this.#tokened(options)
          continue
        }
        if (failureOf(thrown) !== 'final') this.#pool.failed(address)
        at += 1
        if (failureOf(thrown) === 'final' || at >= order.length) throw this.#named(thrown)
      } finally {
        chunks.cancel()
      }
    }
  }

  /**
   * Opens a stream in both directions with the first endpoint that can be reached.
   *
   * @throws {EtcdUnreachableError} None can.
   */
  async duplex(
    method: Method,
    options: Pick<CallOptions, 'keyspace' | 'credentials' | 'signal'>,
    extra: Readonly<Record<string, string>>,
  ): Promise<OpenDuplex> {
    const call = await this.#tokened(options)
    const metadata = this.#metadataOf(call)
    for (const [key, value] of Object.entries(extra)) metadata.set(key, value)
    const order = this.#pool.order('read', this.#keyspaceOf(options))
    for (const [at, address] of order.entries()) {
      const channel = this.#pool.channel(address)
      try {
        await channel.connected(this.#options.dialMs ?? dialMsDefault, options.signal)
        const stream = channel.duplex(method, { metadata, deadline: undefined, signal: options.signal })
        return {
          stream,
          failed: (thrown) => {
            if (failureOf(thrown) !== 'final') this.#pool.failed(address)
            return this.#named(thrown)
          },
          refuseToken: () => this.refuseToken(call),
        }
      } catch (thrown) {
        this.#pool.failed(address)
        if (at === order.length - 1) throw this.#named(thrown)
      }
    }
    throw new EtcdUnreachableError('there is no endpoint')
  }

  /** Whether an Aspen answers there, which applies numbered writes once, and not an etcd. Undefined: it cannot be told now. */
  async isAspen(): Promise<boolean | undefined> {
    const { server = 'auto' } = this.#options
    if (server !== 'auto') this.#aspen ??= Promise.resolve(server === 'aspen')
    this.#aspen ??= this.#askKind()
    try {
      this.#knownAspen = await this.#aspen
      return this.#knownAspen
    } catch {
      this.#aspen = undefined
      return undefined
    }
  }

  /** Takes these endpoints in place of the present ones. @throws {RangeError} There is none, or one is not an address. */
  replaceEndpoints(endpoints: readonly string[]): void {
    this.#pool.replace(endpoints)
  }

  /** @returns Whether another token may be had: false where the caller brought his own. */
  async refuseToken(call: TokenedCall): Promise<boolean> {
    if (call.keeper === undefined) return false
    await call.keeper.refuse(call.token)
    return true
  }

  /** Cancels what runs. */
  close(): void {
    this.#pool.close()
  }

  async #withToken<T>(options: CallOptions | undefined, act: (call: TokenedCall) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const call = await this.#tokened(options)
      try {
        return await act(call)
      } catch (error) {
        // The answer to a number is kept, a refusal too: more of the same number would only bring more of the same.
        const renewalsMax = options?.request === undefined ? tokenRenewalsMax : 1
        const again = isTokenRefusal(error) && attempt <= renewalsMax && (await this.refuseToken(call))
        if (!again) throw error
        // A member that lags behind the change which made the first token old takes a moment to take the second one.
        if (attempt > 1) await pause(backoffMs(attempt - 1, callBackoff), options?.signal)
      }
    }
  }

  async #unary(method: Method, message: object, call: TokenedCall, kind: CallKind): Promise<object> {
    const { options } = call
    const keyspace = this.#keyspaceOf(options)
    const endMs = Date.now() + (options?.deadlineMs ?? this.#options.deadlineMs ?? deadlineMsDefault)
    const order = this.#pool.order(kind.route, keyspace)
    const metadata = this.#metadataOf(call)
    const signal = options?.signal
    const numbered = options?.request !== undefined
    // Asked in time, so that a write need not wait for the answer when it is in trouble.
    if (numbered && order.length > 1 && this.#aspen === undefined) void this.isAspen()
    for (const [at, address] of order.entries()) {
      const last = at === order.length - 1
      const leftMs = endMs - Date.now()
      // Where another may be asked, a silent one must not use up all the time.
      const hurry = !last && (kind.repeatable || (numbered && this.#knownAspen === true))
      const attemptMs = hurry ? Math.min(leftMs, Math.max(attemptMsLeast, leftMs / 2)) : leftMs
      try {
        const attempt = { metadata, deadline: Date.now() + attemptMs, signal }
        const answer = await this.#once(address, method, message, attempt, last ? leftMs : attemptMs)
        this.#answered(address, keyspace, kind, answer)
        return answer
      } catch (thrown) {
        const silent = hurry && isDeadline(thrown) && Date.now() < endMs
        const failure = silent ? 'unavailable' : failureOf(thrown)
        if (failure !== 'final') this.#pool.failed(address)
        const goOn = failure === 'unreached' || (failure === 'unavailable' && (kind.repeatable || numbered))
        if (!goOn || last || signal?.aborted === true || this.#pool.closed) throw this.#named(thrown)
        if (failure === 'unavailable' && !kind.repeatable && (await this.isAspen()) !== true) throw this.#named(thrown)
      }
    }
    throw new EtcdUnreachableError('there is no endpoint')
  }

  async #once(
    address: string,
    method: Method,
    message: object,
    attempt: Attempt,
    withinMs: number,
  ): Promise<{ readonly header?: WireHeader | null }> {
    const channel = this.#pool.channel(address)
    await channel.connected(Math.min(withinMs, this.#options.dialMs ?? dialMsDefault), attempt.signal)
    return channel.unary(method, message, attempt)
  }

  #answered(address: string, keyspace: string, kind: CallKind, answer: { readonly header?: WireHeader | null }): void {
    this.#pool.answered(address, keyspace, answer.header)
    if (kind.route === 'write') void this.#learnLeader(keyspace)
  }

  async #learnLeader(keyspace: string): Promise<void> {
    if (!this.#pool.leaderWanted(keyspace)) return
    const call = await this.#tokened({ keyspace }).catch(() => undefined)
    if (call !== undefined) await this.#pool.learnLeader(keyspace, this.#metadataOf(call))
  }

  async #askKind(): Promise<boolean> {
    try {
      await this.#unary(methodOf('admin', 'Status'), {}, await this.#tokened({ deadlineMs: sideCallMs }), localRead)
      return true
    } catch (error) {
      if (error instanceof EtcdCallError && error.grpcCode === status.UNIMPLEMENTED) return false
      // A refusal is an answer too, and only an Aspen knows the question.
      if (error instanceof AspenError && error.code !== 'timeout' && error.code !== 'canceled') return true
      throw error
    }
  }

  /** The call with its token, where it needs one. */
  async #tokened(options: CallOptions | undefined): Promise<TokenedCall> {
    const own = options?.credentials?.token
    const { auth } = this.#options
    if (own !== undefined || auth === undefined) return { options, token: own, keeper: undefined }
    const keyspace = this.#keyspaceOf(options)
    const keeper = this.#tokens.get(keyspace) ?? new TokenKeeper(() => this.#authenticate(auth, keyspace))
    this.#tokens.set(keyspace, keeper)
    return { options, token: await keeper.token(), keeper }
  }

  async #authenticate(auth: { readonly name: string; readonly password: string }, keyspace: string): Promise<string> {
    const call = { options: { keyspace }, token: undefined, keeper: undefined }
    const answer = await this.#unary(methodOf('auth', 'Authenticate'), auth, call, readCall)
    return (answer as { readonly token: string }).token
  }

  #metadataOf({ options, token }: TokenedCall): Metadata {
    const metadata = new Metadata()
    const keyspace = options?.keyspace ?? this.#options.keyspace
    if (keyspace !== undefined) metadata.set('x-keyspace', keyspace)
    if (token !== undefined) metadata.set('token', token)
    if (options?.request !== undefined) {
      metadata.set('x-request-client', options.request.client)
      metadata.set('x-request-number', String(options.request.number))
    }
    return metadata
  }

  #keyspaceOf(options: Pick<CallOptions, 'keyspace'> | undefined): string {
    return options?.keyspace ?? this.#options.keyspace ?? defaultKeyspace
  }

  #named(thrown: unknown): Error {
    if (this.#pool.closed) return new AspenError('canceled', 'the connection is closed')
    if (failureOf(thrown) === 'unreached') {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      return new EtcdUnreachableError(`cannot reach ${this.addresses.join(', ')}: ${reason}`, { cause: thrown })
    }
    return errorOfCall(thrown)
  }
}

/** A call with the token that goes with it, and who keeps that token; no keeper where the caller brought it. */
interface TokenedCall {
  readonly options: CallOptions | undefined
  readonly token: string | undefined
  readonly keeper: TokenKeeper | undefined
}

export interface OpenDuplex {
  readonly stream: ReturnType<EndpointChannel['duplex']>
  /** Notes how the stream ended. @returns The error to tell. */
  failed(thrown: unknown): Error
  /** The server did not take the stream's token. @returns Whether a new stream will have another. */
  refuseToken(): Promise<boolean>
}
