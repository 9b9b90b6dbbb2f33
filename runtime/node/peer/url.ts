/** Peer URLs, in the form etcd gives them: `http://host:port`, or `https://host:port` where TLS is spoken. */

export interface PeerAddress {
  readonly host: string
  readonly port: number
  /** TLS. */
  readonly secure?: true
}

/**
 * Reads one peer URL.
 *
 * @throws {TypeError} It is neither `http://host:port` nor `https://host:port`.
 */
export function parsePeerUrl(text: string): PeerAddress {
  const fault = (wanted: string): TypeError => new TypeError(`peer URL: ${wanted}, not '${text}'`)
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw fault('must have the form http://host:port')
  }
  const secure = url.protocol === 'https:'
  if (!secure && url.protocol !== 'http:') throw fault('must start with http:// or https://')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw fault('must end after the port')
  }
  // The URL class hides the default port of its scheme, and a peer leaves out none.
  const usual = secure ? 443 : 80
  const port = url.port === '' && new RegExp(`:${usual}/?$`).test(text) ? usual : Number(url.port)
  if (url.port === '' && port !== usual) throw fault('must name a port')
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, ...(secure && { secure }) }
}
