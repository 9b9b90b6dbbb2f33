/**
 * Draws the part of the run that is seen: lanes, what lasted, messages as arrows, deliveries as dots, decisions as rings with
 * a word. Only what lies within the canvas is drawn, and what would be smaller than a pixel is drawn once a pixel.
 */
{
  const page = globalThis.runPage
  const { run, view } = page
  const canvas = document.getElementById('canvas')
  const pen = canvas.getContext('2d')
  let colour = {}

  page.readColours = () => {
    const style = getComputedStyle(document.documentElement)
    const names =
      'back panel line text faint accent broken witness fault election log heartbeat client timer system leader candidate follower down cone selected'
    colour = Object.fromEntries(names.split(' ').map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
  }

  page.resize = () => {
    const { clientWidth, clientHeight } = canvas.parentElement
    const ratio = devicePixelRatio || 1
    page.stageWidth = clientWidth
    page.stageHeight = clientHeight
    canvas.width = Math.round(clientWidth * ratio)
    canvas.height = Math.round(clientHeight * ratio)
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  }

  let asked = false
  page.paint = () => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      page.paintNow()
    })
  }

  page.paintNow = () => {
    pen.fillStyle = colour.back
    pen.fillRect(0, 0, page.stageWidth, page.stageHeight)
    pen.save()
    pen.beginPath()
    pen.rect(page.gutter, 26, page.stageWidth - page.gutter, page.stageHeight - 26)
    pen.clip()
    paintLanes()
    paintSpans()
    paintCursor()
    const arrows = paintArrows()
    paintRoles()
    const drawn = { arrows, dots: paintDeliveries() }
    paintLost()
    paintFaults()
    paintClients()
    pen.restore()
    paintRuler()
    paintGutter()
    page.drawn = drawn
    document.documentElement.dataset.dots = String(drawn.dots)
    document.documentElement.dataset.arrows = String(drawn.arrows)
  }

  function paintLanes() {
    for (const lane of view.lanes) {
      const y = lane.y - view.top
      if (y > page.stageHeight || y + lane.height < 0) continue
      if (lane.type === 'node') {
        pen.fillStyle = colour.panel
        pen.fillRect(page.gutter, y, page.stageWidth, lane.height)
      }
      pen.strokeStyle = colour.line
      pen.lineWidth = 1
      line(page.gutter, Math.round(y) + 0.5, page.stageWidth, Math.round(y) + 0.5)
      if (lane.type === 'actor' || lane.type === 'rest') {
        pen.globalAlpha = 0.7
        line(page.gutter, page.laneY(lane), page.stageWidth, page.laneY(lane))
        pen.globalAlpha = 1
      }
    }
  }

  const decisionsOfNode = new Map()

  function decisionsOf(node, group) {
    const key = `${node} ${group}`
    let own = decisionsOfNode.get(key)
    if (own === undefined) {
      own = run.decisions.filter((row) => row[1] === node && row[2] === group)
      decisionsOfNode.set(key, own)
    }
    return own
  }

  function paintRoles() {
    for (const lane of view.lanes) if (lane.type === 'node') paintRolesOf(lane, lane.y - view.top)
  }

  /** The role of a node in the chosen group, as a band with its term. */
  function paintRolesOf(lane, y) {
    const end = Math.min(page.stageWidth, page.xOf(run.simulatedMs))
    const own = decisionsOf(lane.node, view.group)
    for (let at = 0; at < own.length; at++) {
      const [seq, , , , , state] = own[at]
      if (state === null) continue
      let next = at + 1
      // A band lasts as long as role and term do.
      while (next < own.length && own[next][5]?.role === state.role && own[next][5]?.term === state.term) next += 1
      const from = Math.max(page.gutter, page.deliveryX(page.delivery(seq)))
      const told = own[next] === undefined ? end : page.deliveryX(page.delivery(own[next][0]))
      at = next - 1
      // Nobody has a role while he is down.
      const until = Math.min(told, page.xOf(page.downAfter(lane.node, page.delivery(seq).atMs)))
      if (until < page.gutter || from > page.stageWidth) continue
      const role = state.role === 'preCandidate' ? 'candidate' : state.role
      pen.fillStyle = colour[role]
      pen.globalAlpha = role === 'follower' ? 0.45 : 0.9
      pen.fillRect(from, y + 5, Math.max(1.5, until - from), lane.height - 9)
      pen.globalAlpha = 1
      const text = `${state.role} t${state.term}`
      if (until - from > 7 * text.length) label(text, from + 5, y + lane.height / 2 + 1, colour.text, 11)
    }
  }

  function paintSpans() {
    for (const { type, node, executor, fromMs, toMs } of run.spans) {
      if (type === 'cut' || executor !== undefined) continue
      const lanes = view.lanes.filter((lane) => lane.node === node)
      const first = lanes[0]
      const last = lanes[lanes.length - 1]
      if (first === undefined) continue
      const x = page.xOf(fromMs)
      const width = toMs >= run.simulatedMs ? page.xOf(run.simulatedMs) - x : Math.max(2, page.xOf(toMs) - x)
      if (x > page.stageWidth || x + width < page.gutter) continue
      const y = first.y - view.top
      const height = last.y + last.height - first.y
      pen.fillStyle = type === 'down' ? colour.down : colour.cone
      pen.globalAlpha = 0.75
      pen.fillRect(x, y, width, height)
      pen.globalAlpha = 1
      hatch(x, y, width, height, type === 'down' ? colour.faint : colour.fault)
      if (width > 60)
        label(
          type === 'down' ? 'down' : 'stands still',
          Math.max(x, page.gutter) + 6,
          y + first.height / 2,
          colour.text,
          11,
        )
    }
  }

  function hatch(x, y, width, height, ink) {
    pen.save()
    pen.beginPath()
    pen.rect(Math.max(x, page.gutter), y, Math.min(width, page.stageWidth), height)
    pen.clip()
    pen.strokeStyle = ink
    pen.globalAlpha = 0.25
    const from = Math.max(x, page.gutter) - height
    const until = Math.min(x + width, page.stageWidth)
    pen.beginPath()
    for (let at = from - (from % 9); at < until; at += 9) {
      pen.moveTo(at, y + height)
      pen.lineTo(at + height, y)
    }
    pen.stroke()
    pen.restore()
  }

  function paintCursor() {
    if (view.selected === 0) return
    const x = page.deliveryX(page.delivery(view.selected))
    pen.strokeStyle = colour.selected
    pen.globalAlpha = 0.35
    pen.setLineDash([3, 3])
    line(x, 0, x, page.stageHeight)
    pen.setLineDash([])
    pen.globalAlpha = 1
  }

  /** One arrow a delivery, from where and when its message was sent. */
  function paintArrows() {
    const { shown, cone, selected } = view
    const crowded = visibleCount() > 2_500
    let drawn = 0
    // A message that began here may end further on, but hardly so far on.
    const end = Math.min(shown.length, page.firstFrom(view.left + seenUnits()) + 3_000)
    for (let at = page.firstFrom(view.left); at < end; at++) {
      const delivery = shown[at]
      if (delivery.sender === 0) continue
      const sender = page.delivery(delivery.sender)
      if (sender.node === delivery.node && sender.actor === delivery.actor) continue
      if (crowded && (sender.node === delivery.node || delivery.family === 'heartbeat')) continue
      const from = page.laneOf(sender.node, sender.actor)
      const to = page.laneOf(delivery.node, delivery.actor)
      if (from === undefined || to === undefined || from === to) continue
      const x2 = page.deliveryX(delivery)
      if (x2 < page.gutter - 4) continue
      const x1 = view.scale === 'time' ? page.xOf(delivery.sentAtMs) : page.deliveryX(sender)
      if (x1 > page.stageWidth) continue
      const near = selected === delivery.seq || selected === sender.seq
      const inCone = cone.has(delivery.seq) && cone.has(sender.seq)
      pen.strokeStyle = colour[delivery.family]
      pen.lineWidth = near || inCone ? 2 : 1
      pen.globalAlpha = near || inCone ? 0.95 : cone.size > 0 ? 0.22 : 0.5
      arrow(x1, page.laneY(from), x2, page.laneY(to), visibleCount() < 600 || near)
      drawn += 1
    }
    pen.globalAlpha = 1
    return drawn
  }

  function seenUnits() {
    return (page.stageWidth - page.gutter) / view.unit
  }

  function visibleCount() {
    const width = seenUnits()
    if (view.scale === 'steps') return Math.min(view.shown.length, width)
    const [from, to] = page.extent()
    return (view.shown.length * Math.min(width, to - from)) / (to - from)
  }

  function paintDeliveries() {
    const { shown, cone, selected } = view
    const roomy = view.scale === 'steps' ? view.unit : 0
    const many = visibleCount() > 1_500
    const taken = new Set()
    let drawn = 0
    const margin = 60 / view.unit
    const end = page.firstFrom(view.left + seenUnits() + margin)
    for (let at = page.firstFrom(view.left - margin); at < end; at++) {
      const delivery = shown[at]
      const x = page.deliveryX(delivery)
      const lane = page.laneOf(delivery.node, delivery.actor)
      if (lane === undefined) continue
      const y = page.laneY(lane)
      const marked = cone.has(delivery.seq) || delivery.seq === selected
      // Of many in one place, one is seen.
      const place = Math.round(x) * 4_096 + Math.round(y)
      if (many && !marked && delivery.decision === undefined && taken.has(place)) continue
      taken.add(place)
      dot(delivery, x, y, many, cone.size > 0 && !marked)
      drawn += 1
      if (roomy >= 44 || delivery.seq === selected) words(delivery, x, y, Math.max(roomy, 90), lane)
    }
    return drawn
  }

  function dot(delivery, x, y, many, faint) {
    const { seq, family, decision } = delivery
    const link = page.cone.get(seq)
    const radius = many ? 2 : view.unit > 44 && view.scale === 'steps' ? 5.5 : 3.5
    pen.globalAlpha = faint ? 0.45 : 1
    if (link === 'violation' || link === 'witness') {
      pen.fillStyle = colour[link === 'violation' ? 'broken' : 'witness']
      pen.globalAlpha = 0.25
      disc(x, y, radius + 9)
      pen.globalAlpha = 1
      disc(x, y, radius + 3)
    }
    pen.fillStyle = colour[family]
    disc(x, y, radius)
    if (decision !== undefined && !many) {
      pen.strokeStyle = colour.text
      pen.lineWidth = 1.5
      ring(x, y, radius + 2.5)
    }
    if (seq === view.selected) {
      pen.strokeStyle = colour.selected
      pen.lineWidth = 2
      ring(x, y, radius + 6)
    }
    pen.globalAlpha = 1
  }

  /** Above the lane what came, below it what was decided. */
  function words(delivery, x, y, room, lane) {
    if (lane.height < 40 && delivery.seq !== view.selected) return
    const link = page.cone.get(delivery.seq)
    const size = 11
    const fits = Math.floor((room * 1.15) / 6)
    centred(
      clipped(page.shortKind(delivery), fits),
      x,
      y - 15,
      link === 'violation' ? colour.broken : colour.text,
      size,
    )
    if (delivery.decision?.label)
      centred(clipped(delivery.decision.label, fits), x, y + 18, colour.accent, size, 'bold ')
    else if (link === 'violation') centred('rule broken', x, y + 18, colour.broken, size, 'bold ')
  }

  /** Messages that never arrived: a stub towards where they should have gone. */
  function paintLost() {
    if (visibleCount() > 2_500) return
    for (const message of page.lost) {
      if (!view.families.has(message.family) || !view.order.has(message.sender)) continue
      const sender = page.delivery(message.sender)
      const from = page.laneOf(sender.node, sender.actor)
      const to = page.laneOf(message.toNode, message.toActor)
      if (from === undefined || to === undefined || from === to) continue
      const x = view.scale === 'time' ? page.xOf(message.sentAtMs) : page.deliveryX(sender)
      if (x < page.gutter || x > page.stageWidth) continue
      const y = page.laneY(from)
      const down = page.laneY(to) > y ? 1 : -1
      const [endX, endY] = [x + 14, y + down * Math.min(26, Math.abs(page.laneY(to) - y) * 0.6)]
      pen.strokeStyle = message.cut ? colour.fault : colour.faint
      pen.globalAlpha = 0.8
      pen.lineWidth = 1
      pen.setLineDash([3, 3])
      line(x, y, endX, endY)
      pen.setLineDash([])
      line(endX - 3, endY - 3, endX + 3, endY + 3)
      line(endX - 3, endY + 3, endX + 3, endY - 3)
      pen.globalAlpha = 1
    }
  }

  function paintFaults() {
    const lane = view.lanes.find(({ type }) => type === 'world')
    const y = lane.y - view.top
    const marks = []
    for (const { atMs, text, after } of run.happened) {
      const x = page.xOf(atMs, undefined)
      if (x < page.gutter - 2 || x > page.stageWidth) continue
      if (view.coneOnly && view.scale === 'steps' && view.shown.length > 0 && after < view.shown[0].seq) continue
      const last = marks[marks.length - 1]
      // What happened at once is said at once.
      if (last !== undefined && x - last.x < 8) last.text += `, ${text}`
      else marks.push({ x, text })
    }
    for (const [at, { x, text }] of marks.entries()) {
      pen.fillStyle = colour.fault
      pen.beginPath()
      pen.moveTo(x - 5, y + 4)
      pen.lineTo(x + 5, y + 4)
      pen.lineTo(x, y + 13)
      pen.fill()
      pen.globalAlpha = 0.18
      pen.fillRect(x - 0.5, y + 13, 1, page.stageHeight)
      pen.globalAlpha = 1
      const room = (marks[at + 1]?.x ?? page.stageWidth) - x - 20
      if (room > 24) label(clipped(text, Math.floor(room / 6)), x + 7, y + 9, colour.fault, 11)
    }
  }

  function paintClients() {
    const lane = view.lanes.find(({ type }) => type === 'clients')
    if (lane === undefined) return
    const names = [...new Set(run.asked.map(({ client }) => client))]
    const each = (lane.height - 6) / names.length
    for (const { client, beganMs, endedMs, outcome } of run.asked) {
      const x = page.xOf(beganMs)
      const until = page.xOf(endedMs ?? run.simulatedMs)
      if (until < page.gutter || x > page.stageWidth) continue
      pen.fillStyle = endedMs === null ? colour.faint : outcome === 'done' ? colour.client : colour.fault
      pen.globalAlpha = endedMs === null ? 0.35 : 0.75
      pen.fillRect(
        x,
        lane.y - view.top + 3 + names.indexOf(client) * each,
        Math.max(1.5, until - x),
        Math.max(1.5, each - 1.5),
      )
    }
    pen.globalAlpha = 1
  }

  function paintRuler() {
    pen.fillStyle = colour.panel
    pen.fillRect(0, 0, page.stageWidth, 26)
    pen.strokeStyle = colour.line
    line(0, 25.5, page.stageWidth, 25.5)
    if (view.scale === 'time') paintTimes()
    else paintSteps()
  }

  function paintTimes() {
    const perTick = 90 / view.unit
    const power = 10 ** Math.floor(Math.log10(perTick))
    const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= perTick)
    for (let at = Math.ceil(view.left / step) * step; ; at += step) {
      const x = page.xOf(at)
      if (x > page.stageWidth) break
      label(`${Number(at.toPrecision(10))} ms`, x + 3, 13, colour.faint, 11)
      pen.strokeStyle = colour.line
      line(Math.round(x) + 0.5, 4, Math.round(x) + 0.5, 25)
    }
  }

  /** Steps are not equally long: each shows its moment. */
  function paintSteps() {
    const every = Math.max(1, Math.ceil(78 / view.unit))
    const first = Math.max(0, Math.floor(view.left / every) * every)
    for (let at = first; at < view.shown.length; at += every) {
      const x = page.gutter + (at + 0.5 - view.left) * view.unit
      if (x > page.stageWidth) break
      centred(`${view.shown[at].atMs.toFixed(1)} ms`, x, 13, colour.faint, 11)
    }
  }

  function paintGutter() {
    pen.fillStyle = colour.panel
    pen.fillRect(0, 26, page.gutter, page.stageHeight)
    for (const lane of view.lanes) {
      const y = lane.y - view.top
      if (y > page.stageHeight || y + lane.height < 26) continue
      pen.strokeStyle = colour.line
      line(0, Math.round(y) + 0.5, page.gutter, Math.round(y) + 0.5)
      const middle = Math.max(36, y + lane.height / 2)
      if (lane.type === 'node') {
        const sign = view.expanded.has(lane.node) ? '▾' : '▸'
        label(`${sign} ${lane.label}`, 8, middle, colour.text, 13, 'bold ')
      } else {
        label(
          clipped(lane.label, 22),
          lane.type === 'actor' ? 22 : 8,
          middle,
          lane.type === 'actor' ? colour.text : colour.faint,
          12,
        )
      }
    }
    pen.fillStyle = colour.panel
    pen.fillRect(0, 0, page.gutter, 25)
    label(view.scale === 'time' ? 'virtual time' : 'steps, in order', 8, 13, colour.faint, 11)
    pen.strokeStyle = colour.line
    line(page.gutter - 0.5, 0, page.gutter - 0.5, page.stageHeight)
  }

  function line(x1, y1, x2, y2) {
    pen.beginPath()
    pen.moveTo(x1, y1)
    pen.lineTo(x2, y2)
    pen.stroke()
  }

  function arrow(x1, y1, x2, y2, headed) {
    line(x1, y1, x2, y2)
    if (!headed) return
    const angle = Math.atan2(y2 - y1, x2 - x1)
    const [tipX, tipY] = [x2 - 6 * Math.cos(angle), y2 - 6 * Math.sin(angle)]
    pen.fillStyle = pen.strokeStyle
    pen.beginPath()
    pen.moveTo(tipX, tipY)
    pen.lineTo(tipX - 8 * Math.cos(angle - 0.4), tipY - 8 * Math.sin(angle - 0.4))
    pen.lineTo(tipX - 8 * Math.cos(angle + 0.4), tipY - 8 * Math.sin(angle + 0.4))
    pen.fill()
  }

  function disc(x, y, radius) {
    pen.beginPath()
    pen.arc(x, y, radius, 0, 7)
    pen.fill()
  }

  function ring(x, y, radius) {
    pen.beginPath()
    pen.arc(x, y, radius, 0, 7)
    pen.stroke()
  }

  function label(text, x, y, ink, size, weight = '') {
    pen.font = `${weight}${size}px system-ui, "DejaVu Sans", sans-serif`
    pen.fillStyle = ink
    pen.textBaseline = 'middle'
    pen.textAlign = 'left'
    pen.fillText(text, x, y)
  }

  /** With a halo, for it lies over lanes and arrows. */
  function centred(text, x, y, ink, size, weight = '') {
    pen.font = `${weight}${size}px system-ui, "DejaVu Sans", sans-serif`
    pen.textBaseline = 'middle'
    pen.textAlign = 'center'
    pen.lineWidth = 3.5
    pen.strokeStyle = colour.back
    pen.lineJoin = 'round'
    pen.strokeText(text, x, y)
    pen.fillStyle = ink
    pen.fillText(text, x, y)
  }

  function clipped(text, characters) {
    return text.length <= characters ? text : `${text.slice(0, Math.max(1, characters - 1))}…`
  }
}
