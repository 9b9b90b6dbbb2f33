/**
 * What is drawn where: which deliveries are shown, in which lane, and at which place of the line. Two scales: `steps` gives
 * every delivery that is shown the same room, `time` is true to the virtual clock.
 */
{
  const page = globalThis.runPage
  const { run } = page

  page.view = {
    scale: 'steps',
    coneOnly: false,
    filter: '',
    nodes: new Set(run.nodes.map(({ id }) => id)),
    families: new Set(page.families),
    /** Nodes whose every actor has a lane. */
    expanded: new Set(),
    group: 0,
    cone: new Set(page.cone.keys()),
    selected: 0,
    /** The left edge, in steps or milliseconds, and the room that one of them takes. */
    left: 0,
    unit: 1,
    top: 0,
    shown: [],
    lanes: [],
    height: 0,
  }
  const { view } = page
  page.gutter = 168

  page.refresh = () => {
    chooseDeliveries()
    chooseLanes()
  }

  function chooseDeliveries() {
    const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean)
    view.shown = page.deliveries.filter(
      (delivery) =>
        (!view.coneOnly || view.cone.has(delivery.seq)) &&
        view.nodes.has(delivery.node) &&
        (view.families.has(delivery.family) || delivery.seq === page.broken?.seq) &&
        words.every((word) => delivery.text.includes(word)),
    )
    view.order = new Map(view.shown.map((delivery, at) => [delivery.seq, at]))
  }

  /** Actors that matter have lanes of their own; the rest of a node shares one, until it is opened. */
  function chooseLanes() {
    const lanes = [{ type: 'world', label: 'faults', height: 30 }]
    if (run.asked.length > 0) lanes.push({ type: 'clients', label: 'clients', height: 30 })
    const room = Math.max(200, page.stageHeight ?? 600)
    const actorsOf = new Map(run.nodes.map(({ id }) => [id, new Set()]))
    for (const delivery of view.shown) actorsOf.get(delivery.node)?.add(delivery.actor)
    const pinned = new Set()
    for (const seq of view.cone) pinned.add(page.delivery(seq).actor)
    const group = run.groups[view.group]
    if (pinned.size === 0 && group !== undefined)
      for (const name of [`raft/${group}`, `replica/${group}`]) pinned.add(name)
    for (const { id } of run.nodes) {
      if (!view.nodes.has(id)) continue
      lanes.push({ type: 'node', node: id, label: `node ${id}`, height: 24 })
      const actors = [...(actorsOf.get(id) ?? [])].sort()
      const own = view.expanded.has(id) ? actors : actors.filter((actor) => pinned.has(actor))
      for (const actor of own) lanes.push({ type: 'actor', node: id, actor, label: actor, height: 0 })
      const rest = actors.length - own.length
      if (rest > 0)
        lanes.push({ type: 'rest', node: id, label: `${rest} other actor${rest === 1 ? '' : 's'}`, height: 0 })
    }
    placeLanes(lanes, room)
  }

  function placeLanes(lanes, room) {
    const fixed = lanes.reduce((sum, { height }) => sum + height, 0)
    const open = lanes.filter(({ height }) => height === 0)
    const each = Math.max(30, Math.min(120, (room - fixed - 70) / Math.max(1, open.length)))
    let y = 26
    view.byKey = new Map()
    for (const lane of lanes) {
      if (lane.height === 0) lane.height = lane.type === 'rest' ? Math.min(each, 46) : each
      lane.y = y
      y += lane.height
      if (lane.type === 'actor') view.byKey.set(`${lane.node} ${lane.actor}`, lane)
      if (lane.type === 'rest') view.byKey.set(`${lane.node}`, lane)
      if (lane.type === 'node') view.byKey.set(`node ${lane.node}`, lane)
    }
    view.lanes = lanes
    view.height = y + 20
  }

  page.laneOf = (node, actor) =>
    view.byKey.get(`${node} ${actor}`) ?? view.byKey.get(`${node}`) ?? view.byKey.get(`node ${node}`)

  page.laneY = (lane) => lane.y + lane.height / 2 - view.top

  /** Where on the line something of `atMs` lies, after the delivery `seq`: in pixels. */
  page.xOf = (atMs, seq) => page.gutter + (page.unitsOf(atMs, seq) - view.left) * view.unit

  page.unitsOf = (atMs, seq) => {
    if (view.scale === 'time') return atMs
    const at = seq === undefined ? undefined : view.order.get(seq)
    return at === undefined ? between(atMs) : at + 0.5
  }

  page.deliveryX = (delivery) => page.xOf(delivery.atMs, delivery.seq)

  /** A moment that is no delivery's, on the scale of steps: between those before and after it. */
  function between(atMs) {
    let low = 0
    let high = view.shown.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (view.shown[middle].atMs <= atMs) low = middle + 1
      else high = middle
    }
    const before = view.shown[low - 1]
    const after = view.shown[low]
    if (before === undefined || after === undefined) return low
    const share = (atMs - before.atMs) / Math.max(1e-9, after.atMs - before.atMs)
    return low - 0.5 + Math.min(0.99, Math.max(0, share))
  }

  /** The first delivery shown at or after a place on the scale. */
  page.firstFrom = (units) => {
    if (view.scale === 'steps') return Math.min(view.shown.length, Math.max(0, Math.floor(units)))
    let low = 0
    let high = view.shown.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (view.shown[middle].atMs < units) low = middle + 1
      else high = middle
    }
    return low
  }

  page.extent = () => {
    if (view.scale === 'steps') return [0, Math.max(1, view.shown.length)]
    const first = view.shown[0]?.atMs ?? 0
    const last = view.shown[view.shown.length - 1]?.atMs ?? run.simulatedMs
    const margin = Math.max(0.5, (last - first) * 0.02)
    return [first - margin, last + margin]
  }

  page.fit = () => {
    const [from, to] = page.extent()
    const width = Math.max(100, page.stageWidth - page.gutter - 16)
    // Few steps need not be stretched over a wide screen.
    view.unit = view.scale === 'steps' ? Math.min(150, width / (to - from)) : width / (to - from)
    view.left = from
    view.top = 0
  }

  /** Moves so that the delivery is seen, and no further than needed. */
  page.reveal = (seq) => {
    const delivery = page.delivery(seq)
    const x = page.deliveryX(delivery)
    const margin = 60
    if (x < page.gutter + margin || x > page.stageWidth - margin)
      view.left = page.unitsOf(delivery.atMs, seq) - (page.stageWidth - page.gutter) / 2 / view.unit
    const lane = page.laneOf(delivery.node, delivery.actor)
    if (lane === undefined) return
    if (lane.y < view.top + 26) view.top = Math.max(0, lane.y - 40)
    if (lane.y + lane.height > view.top + page.stageHeight) view.top = lane.y + lane.height - page.stageHeight + 20
  }
}
