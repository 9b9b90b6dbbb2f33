/**
 * The URLs of a node: where it listens, what it tells others, and who forms the first cluster. The rules are etcd's:
 * scheme, host and port and nothing else; a listener is bound to an address or to `localhost`, never to a name that the
 * resolver may change; what is advertised names a host.
 */
import { z } from 'zod'
import type { ValueReader } from './config-values.ts'

export interface NodeUrl {
  /** Without the brackets of IPv6, as sockets take it. */
  readonly host: string
  readonly port: number
  /** Scheme, host and port, with the brackets of IPv6 and no slash at the end. */
  readonly url: string
}

/** One founding member as `--initial-cluster` names it. */
export interface FoundingMember {
  readonly name: string
  readonly peerUrls: readonly string[]
}

export type UrlUse = 'listen' | 'advertise'

/** Comma-separated URLs; the message of a refusal says which one and why. */
export function urls(use: UrlUse, options: { readonly emptyAllowed?: boolean } = {}): ValueReader<readonly NodeUrl[]> {
  return z.string().transform((written, context): readonly NodeUrl[] => {
    if (written.trim() === '' && options.emptyAllowed === true) return []
    const parsed: NodeUrl[] = []
    for (const part of written.split(',')) {
      const result = parseNodeUrl(part.trim(), use)
      if (typeof result === 'string') context.addIssue({ code: 'custom', message: result })
      else parsed.push(result)
    }
    const all = parsed.map((url) => url.url)
    const twice = all.find((url, at) => all.indexOf(url) !== at)
    if (twice !== undefined) context.addIssue({ code: 'custom', message: `${twice} stands there twice` })
    return parsed
  })
}

/** The URL, or why it is refused. */
export function parseNodeUrl(written: string, use: UrlUse): NodeUrl | string {
  if (written === '') return 'an empty URL'
  const quoted = JSON.stringify(written)
  if (/^unixs?:/.test(written)) return `${quoted}: unix sockets are not supported, use http://HOST:PORT`
  if (!/^https?:\/\//.test(written)) return `${quoted} does not start with http:// or https://`
  // The URL class drops usual ports and accepts much that is no address, so the form is checked by hand first.
  const form = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[^[\]:/?#@\s]*):(\d{1,5})\/?$/.exec(written)
  if (form === null) return `${quoted} does not have the form http://HOST:PORT`
  const [, scheme = '', hostPart = '', portPart = ''] = form
  const port = Number(portPart)
  const host = hostPart.replace(/^\[|\]$/g, '').toLowerCase()
  if (port > 65_535) return `${quoted}: port ${portPart} is above 65535`
  if (host === '') return `${quoted}: the host is missing`
  if (!URL.canParse(`http://${hostPart}/`)) return `${quoted}: ${hostPart} is no valid host`
  if (use === 'listen' && host !== 'localhost' && !isAddress(host)) {
    return `${quoted}: a listener is bound to an IP address or localhost, not to a name`
  }
  if (use === 'advertise' && port === 0) return `${quoted}: port 0 cannot be advertised`
  return { host, port, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` }
}

/** TLS is spoken there. */
export function isSecure({ url }: NodeUrl): boolean {
  return url.startsWith('https:')
}

/** An address that stands for "every interface": fine to listen on, useless to tell others. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** `name=url,name=url`; a name may stand several times, once for each of its URLs. */
export function foundingMembers(): ValueReader<readonly FoundingMember[]> {
  return z.string().transform((written, context): readonly FoundingMember[] => {
    const members = new Map<string, string[]>()
    const seen = new Set<string>()
    for (const part of written.split(',')) {
      const at = part.indexOf('=')
      const name = part.slice(0, at).trim()
      if (at < 1 || name === '') {
        context.addIssue({ code: 'custom', message: `${JSON.stringify(part)} does not have the form NAME=URL` })
        continue
      }
      const parsed = parseNodeUrl(part.slice(at + 1).trim(), 'advertise')
      if (typeof parsed === 'string') {
        context.addIssue({ code: 'custom', message: parsed })
        continue
      }
      if (seen.has(parsed.url)) context.addIssue({ code: 'custom', message: `${parsed.url} stands there twice` })
      seen.add(parsed.url)
      members.set(name, [...(members.get(name) ?? []), parsed.url])
    }
    return [...members].map(([name, peerUrls]) => ({ name, peerUrls: peerUrls.sort() }))
  })
}

/**
 * Why a node may not start with this list of founders: it must be one of them, with exactly the URLs it advertises.
 *
 * @returns undefined when all is well.
 */
export function foundingMismatch(
  name: string,
  advertised: readonly NodeUrl[],
  founders: readonly FoundingMember[],
): string | undefined {
  const own = founders.find((founder) => founder.name === name)
  const advertisedUrls = advertised.map((url) => url.url)
  const written = `--initial-advertise-peer-urls=${advertisedUrls.join(',')}`
  if (own === undefined) {
    const names = founders.map((founder) => founder.name).join(', ')
    return `--initial-cluster must name this member: wanted ${JSON.stringify(name)} (--name) among its names, found ${names || 'none'}`
  }
  const missing = advertisedUrls.filter((url) => !own.peerUrls.includes(url))
  if (missing.length > 0)
    return `--initial-cluster must include ${missing.map((url) => `${name}=${url}`).join(',')} given ${written}`
  const surplus = own.peerUrls.filter((url) => !advertisedUrls.includes(url))
  if (surplus.length > 0)
    return `--initial-cluster has ${surplus.map((url) => `${name}=${url}`).join(',')} but missing from ${written}`
  return undefined
}

function isAddress(host: string): boolean {
  if (host.includes(':')) return URL.canParse(`http://[${host}]/`)
  const parts = host.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)
}
