"""Swift code that makes detections of a detector's outputs; for generated classes."""

from string import Template

from ca_deploy.tasks._detection_code import Pieces

_DETECTION = Template("""\
/// What is seen: its sides in the photo's pixels, its probability, and its class, a place in `labels`.
struct Detection {
    let left, top, right, bottom, score: Float
    let number: Int

    var label: String { number < labels.count ? labels[number] : "class " + String(number) }
}""")

_PLACED = """        let place = placement(photo)
        func x(_ corner: Double) -> Float { Float(min(max(0, ($x - place.left) / place.x), Double(photo.width))) }
        func y(_ corner: Double) -> Float { Float(min(max(0, ($y - place.top) / place.y), Double(photo.height))) }
"""

_DETECT = Template(
    """\
extension Detector {
    /// What is seen in an upright photo with a probability of `leastScore` or more, the most certain first. Of boxes of
    /// one class that overlap by more than `mostIou` (intersection over union), the most certain is kept.
    func detect(_ photo: CGImage, leastScore: Float = 0.3, mostIou: Float = 0.5) throws -> [Detection] {
        let outputs = try $call
        let sides: [Double] = $sides
        let scores: [Float] = $scores
"""
    + _PLACED
    + """        var found: [Detection] = []
        for number in 0..<$classes {
            let likely: [Int] = (0..<(sides.count / 4)).filter { scores[$classes * $$0 + number] >= leastScore }
            var kept: [Detection] = []
            for box in mostCertainFirst(likely, { scores[$classes * $$0 + number] }) {
                let one = Detection(
                    left: x(sides[4 * box]), top: y(sides[4 * box + 1]), right: x(sides[4 * box + 2]),
                    bottom: y(sides[4 * box + 3]), score: scores[$classes * box + number], number: number
                )
                if kept.allSatisfy({ iou($$0, one) <= Double(mostIou) }) { kept.append(one) }
            }
            found += kept
        }
        return mostCertainFirst(found) { $$0.score }
    }
}

/// Sorted by the score; what has the same keeps its order.
private func mostCertainFirst<Element>(_ items: [Element], _ score: (Element) -> Float) -> [Element] {
    let scores: [Float] = items.map(score)
    let order = items.indices.sorted { scores[$$0] == scores[$$1] ? $$0 < $$1 : scores[$$0] > scores[$$1] }
    return order.map { items[$$0] }
}

/// What two boxes have in common, as a part of what they cover together.
private func iou(_ one: Detection, _ other: Detection) -> Double {
    func side(_ low: Float, _ high: Float) -> Double { max(0, Double(high) - Double(low)) }
    func area(_ box: Detection) -> Double { side(box.left, box.right) * side(box.top, box.bottom) }
    let width = side(max(one.left, other.left), min(one.right, other.right))
    let common = width * side(max(one.top, other.top), min(one.bottom, other.bottom))
    return common > 0 ? common / (area(one) + area(other) - common) : 0
}"""
)

_LISTED = Template(
    """\
extension Detector {
    /// What is seen in an upright photo with a probability of `leastScore` or more, the most certain first. Of boxes
    /// that overlap, the file itself has kept the most certain.
    func detect(_ photo: CGImage, leastScore: Float = 0.3) throws -> [Detection] {
        let outputs = try $call
        let sides: [Double] = $boxes.map { Double($$0) }  // of each box: top, left, bottom, right
        let scores: [Float] = $scores
        let numbers: [Int] = $kinds.map { Int($$0) }
"""
    + _PLACED
    + """        return (0..<Int($counts[0])).filter { scores[$$0] >= leastScore }.map { box in
            Detection(
                left: x(sides[4 * box + 1]), top: y(sides[4 * box]), right: x(sides[4 * box + 3]),
                bottom: y(sides[4 * box + 2]), score: scores[box], number: numbers[box]
            )
        }
    }
}"""
)

_COLUMNS = Template("""\
/// Rows of an output, from the `first` one, as columns: all numbers of a box side by side.
private func columns(_ rows: [Float], _ first: Int, _ count: Int) -> [Float] {
    (0..<(count * $count)).map { rows[(first + $$0 % count) * $count + $$0 / count] }
}""")

_OFFSETS = Template("""\
/// The anchors of a map: in each cell, row by row, one of each width and height, in parts of the input's sides.
private struct Anchors {
    let rows, columns: Int
    let sizes: [Double]
}

private let anchors: [Anchors] = [
    $anchors
]

/// What the network's offsets in x, y, width and height are multiplied by.
private let variances: [Double] = [$variances]

/// Offsets to the anchors as left, top, right, bottom in parts of the input's sides.
private func offsets(_ values: [Float]) -> [Double] {
    var corners = [Double](repeating: 0, count: values.count)
    var place = 0
    func decode(_ axis: Int, _ anchor: Double, _ size: Double) {
        let centre = Double(values[place + axis]) * variances[axis] * size + anchor
        let growth = min(Double(values[place + axis + 2]) * variances[axis + 2], $largest)
        let half = exp(growth) * size / 2
        corners[place + axis] = centre - half
        corners[place + axis + 2] = centre + half
    }
    for map in anchors {
        for cell in 0..<(map.rows * map.columns) {
            for size in stride(from: 0, to: map.sizes.count, by: 2) {
                decode(0, (Double(cell % map.columns) + 0.5) / Double(map.columns), map.sizes[size])
                decode(1, (Double(cell / map.columns) + 0.5) / Double(map.rows), map.sizes[size + 1])
                place += 4
            }
        }
    }
    return corners
}""")

_CENTRES = Template("""\
/// Centre x, centre y, width and height as left, top, right, bottom.
private func centres(_ values: [Float]) -> [Double] {
    values.indices.map { (place: Int) -> Double in
        let axis = place - place % 4 + place % 2
        return Double(values[axis]) + (place % 4 < 2 ? -0.5 : 0.5) * Double(values[axis + 2])
    }
}""")

_CORNERS = Template("""\
/// Left, top, right, bottom as they are.
private func corners(_ values: [Float]) -> [Double] { values.map { Double($$0) } }""")

_SOFTMAX = Template("""\
/// Logits, of each box that of the background first, as probabilities of the classes.
private func softmax(_ values: [Float]) -> [Float] {
    var shares: [Float] = []
    for box in stride(from: 0, to: values.count, by: $values) {
        let row = values[box..<(box + $values)]
        let largest: Float = row.max() ?? 0  // so that no power is infinite
        let powers: [Double] = row.map { exp(Double($$0) - Double(largest)) }
        let sum: Double = powers.reduce(0, +)
        shares += powers.dropFirst().map { Float($$0 / sum) }
    }
    return shares
}""")

_SIGMOID = Template("""\
/// Logits as probabilities, each on its own.
private func sigmoid(_ values: [Float]) -> [Float] { values.map { Float(1 / (1 + exp(-Double($$0)))) } }""")

SWIFT = Pieces(
    detection=_DETECTION,
    listed=_LISTED,
    detect=_DETECT,
    columns=_COLUMNS,
    offsets=_OFFSETS,
    anchors=Template("Anchors(rows: $rows, columns: $columns, sizes: [$sizes]),"),
    centres=_CENTRES,
    corners=_CORNERS,
    softmax=_SOFTMAX,
    sigmoid=_SIGMOID,
)
