/** Peer URLs, in the form etcd gives them: `http://host:port`. */

export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/**
 * Reads one peer URL.
 *
 * @throws {TypeError} It is not `http://host:port`; for `https` the text says that TLS is not there yet.
 */
export function parsePeerUrl(text: string): PeerAddress {
  const fault = (wanted: string): TypeError => new TypeError(`peer URL: ${wanted}, not '${text}'`)
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw fault('must have the form http://host:port')
  }
  if (url.protocol === 'https:') throw fault('TLS for peers comes later; until then it must start with http://')
  if (url.protocol !== 'http:') throw fault('must start with http://')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw fault('must end after the port')
  }
  // The URL class hides the default port of its scheme, and 80 is none that a peer would leave out.
  const port = url.port === '' && /:80\/?$/.test(text) ? 80 : Number(url.port)
  if (url.port === '' && port !== 80) throw fault('must name a port')
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
}
