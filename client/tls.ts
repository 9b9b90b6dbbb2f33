/**
 * How a caller secures its connections: by addresses that begin with `https://`, and by what it is given here. Without a
 * word about authorities those of the machine count, as in a browser.
 */
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'

export interface ClientTls {
  /** PEM: the authorities whose servers are trusted; those of the machine when absent. */
  readonly ca?: string | Uint8Array
  /** PEM: who calls, for servers that ask; with `key`. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** The name that the server's certificate must have, where it is not the one that is dialled. */
  readonly serverName?: string
  /** Takes whoever answers for the server. For trying things only. */
  readonly insecureSkipVerify?: boolean
}

/** An address as it is dialled and shown: `host:port`, with `https://` in front where TLS is spoken. */
function isSecureAddress(address: string): boolean {
  return address.startsWith('https://')
}

/** What a channel needs: its target, credentials and options. */
export interface ChannelWay {
  readonly target: string
  readonly credentials: ChannelCredentials
  readonly options: Readonly<Record<string, string>>
}

/** Makes the way to each address; certificates are taken apart once, whatever the number of addresses. */
export class ChannelWays {
  readonly #tls: ClientTls
  readonly #plain: ChannelCredentials = credentials.createInsecure()
  #secure: ChannelCredentials | undefined

  /** @throws {RangeError} One of `cert` and `key` is missing, or something given is not what it should be. */
  constructor(tls: ClientTls = {}) {
    if ((tls.cert === undefined) !== (tls.key === undefined)) {
      const [there, missing] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
      throw new RangeError(`connecting with tls.${there} needs tls.${missing} too: together they say who calls`)
    }
    this.#tls = tls
    // Now and not at the first call: what is wrong with a certificate is the caller's mistake.
    if (Object.keys(tls).length > 0) this.#secure = secureCredentials(tls)
  }

  to(address: string): ChannelWay {
    if (!isSecureAddress(address)) return { target: address, credentials: this.#plain, options: {} }
    this.#secure ??= secureCredentials(this.#tls)
    const { serverName } = this.#tls
    return {
      target: address.slice('https://'.length),
      credentials: this.#secure,
      options:
        serverName === undefined
          ? {}
          : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName },
    }
  }
}

function secureCredentials({ ca, cert, key, insecureSkipVerify }: ClientTls): ChannelCredentials {
  const buffer = (pem: string | Uint8Array | undefined): Buffer | null =>
    pem === undefined ? null : typeof pem === 'string' ? Buffer.from(pem) : Buffer.from(pem)
  try {
    return credentials.createSsl(
      buffer(ca),
      buffer(key),
      buffer(cert),
      insecureSkipVerify === true ? { rejectUnauthorized: false, checkServerIdentity: () => undefined } : {},
    )
  } catch (error) {
    throw new RangeError(`connecting with TLS: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
