import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../../../base/bytes.ts'
import { headerBytes } from '../../../runtime/node/peer/frame.ts'
import {
  type ControlFrame,
  decodeControl,
  encodeControl,
  type Hello,
  judgeHello,
  judgeWelcome,
  protocolVersion,
} from '../../../runtime/node/peer/handshake.ts'
import { parsePeerUrl } from '../../../runtime/node/peer/url.ts'

const hello: Hello = {
  version: protocolVersion,
  clusterId: 9,
  nodeId: 1,
  executor: 2,
  wantedNode: 3,
  wantedExecutor: 0,
  ports: [2380, 0],
  urls: ['http://one:2380'],
}
const self = { clusterId: 9, nodeId: 3, executor: 0 }

describe('judging a hello', () => {
  test('N4: the right one comes in, for any executor at the peer URL', () => {
    assert.equal(judgeHello(self, hello), undefined)
    assert.equal(judgeHello(self, { ...hello, wantedExecutor: 4 }), undefined)
  })

  const wrong: [Partial<Hello>, string, RegExp][] = [
    [{ version: 7 }, 'version', /node 3 speaks peer protocol 1, node 1 speaks 7/],
    [{ clusterId: 8 }, 'wrongCluster', /node 3 belongs to cluster 9, node 1 to cluster 8/],
    [{ wantedNode: 5 }, 'wrongNode', /dialled node 5, answered node 3/],
    [{ nodeId: 3 }, 'wrongNode', /calls itself node 3, which is this node/],
  ]
  for (const [changes, reason, text] of wrong) {
    test(`N4: refused: ${text.source}`, () => {
      const refusal = judgeHello(self, { ...hello, ...changes })

      assert.equal(refusal?.reason, reason)
      assert.match(refusal?.text ?? '', text)
    })
  }

  test('N4: away from the peer URL only the wanted executor answers', () => {
    assert.equal(judgeHello({ ...self, executor: 1 }, { ...hello, wantedExecutor: 2 })?.reason, 'wrongExecutor')
  })

  test('N4: a welcome from another node or cluster is no welcome', () => {
    const welcome = { clusterId: 9, nodeId: 5, executors: 1, ports: [1] }

    assert.equal(judgeWelcome({ clusterId: 9, nodeId: 3 }, welcome)?.text, 'dialled node 3, answered node 5')
    assert.equal(judgeWelcome({ clusterId: 8, nodeId: 5 }, welcome)?.reason, 'wrongCluster')
    assert.equal(judgeWelcome({ clusterId: 9, nodeId: 5 }, welcome), undefined)
  })
})

describe('control frames', () => {
  test('every kind comes back as it was', () => {
    const all: Exclude<ControlFrame, { type: 'malformed' }>[] = [
      { type: 'hello', hello },
      { type: 'welcome', welcome: { clusterId: 1, nodeId: 2, executors: 3, ports: [4, 5, 6] } },
      { type: 'refusal', refusal: { reason: 'busy', text: 'later' } },
      { type: 'ping' },
      { type: 'pong' },
      { type: 'request', kind: 'members', body: Uint8Array.of(1, 2) },
      { type: 'response', body: Uint8Array.of(3) },
    ]

    for (const frame of all) {
      const back = decodeControl(Uint8Array.from(encodeControl(frame).subarray(headerBytes)))
      assert.deepEqual(back, frame.type === 'hello' ? { type: 'hello', hello: { magic: 'ASPN', ...hello } } : frame)
    }
  })

  test('whatever a stranger sends, the answer is a value', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (body) => typeof decodeControl(body).type === 'string'))
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.json(), (code, json) => {
        const { type } = decodeControl(Uint8Array.of(code, ...utf8(json)))
        assert.equal(type, 'malformed')
      }),
    )
  })

  test('a hello with a field of the wrong kind says which', () => {
    const bad = utf8(JSON.stringify({ magic: 'ASPN', ...hello, nodeId: 'one' }))

    const frame = decodeControl(Uint8Array.of(1, ...bad))

    assert.match(frame.type === 'malformed' ? frame.text : '', /a hello whose nodeId is wrong/)
  })
})

describe('peer URLs', () => {
  test('host and port are read, of names, IPv4 and IPv6', () => {
    assert.deepEqual(parsePeerUrl('http://10.0.0.1:2380'), { host: '10.0.0.1', port: 2380 })
    assert.deepEqual(parsePeerUrl('http://node-1.local:80/'), { host: 'node-1.local', port: 80 })
    assert.deepEqual(parsePeerUrl('http://[::1]:2380'), { host: '::1', port: 2380 })
    assert.deepEqual(parsePeerUrl('https://node-1.local:2380'), { host: 'node-1.local', port: 2380, secure: true })
    assert.deepEqual(parsePeerUrl('https://[::1]:443'), { host: '::1', port: 443, secure: true })
  })

  const wrong: [string, RegExp][] = [
    ['a:2380', /must start with http:\/\/ or https:\/\//],
    ['https://a', /must name a port/],
    ['2380', /must have the form http:\/\/host:port, not '2380'/],
    ['http://a', /must name a port/],
    ['http://a:2380/path', /must end after the port/],
  ]
  for (const [url, text] of wrong) {
    test(`refused: ${url}`, () => {
      assert.throws(
        () => parsePeerUrl(url),
        (error: Error) => error instanceof TypeError && text.test(error.message),
      )
    })
  }
})
