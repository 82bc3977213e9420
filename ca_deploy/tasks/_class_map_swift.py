"""Swift code that makes classes of a photo's pixels of a segmenter's output; for generated classes."""

from string import Template

from ca_deploy.tasks._class_map_code import Pieces

_HEAD = """extension Segmenter {
    /// The class of each pixel of an upright photo, row by row, a place in `labels`; -1 where the network did not see
    /// it. For a smaller map, which is faster, give its width and height.
    func segment(_ photo: CGImage, width givenWidth: Int? = nil, height givenHeight: Int? = nil) throws -> [Int] {
        let outputs = try $call
        let values = $values
        let place = placement(photo)
        let (width, height) = (givenWidth ?? photo.width, givenHeight ?? photo.height)
        func column(_ x: Int) -> Double {
            let centre = (Double(x) + 0.5) * Double(photo.width) / Double(width)
            return (centre * place.x + place.left) * $width / $input_width
        }
        func row(_ y: Int) -> Double {
            let centre = (Double(y) + 0.5) * Double(photo.height) / Double(height)
            return (centre * place.y + place.top) * $height / $input_height
        }
        var classes = [Int](repeating: -1, count: width * height)
"""

_SCORES = Template(
    _HEAD
    + """        let columns: [Between] = (0..<width).map { Between(column($$0), of: $width) }
        var line = [Float](repeating: 0, count: $channels * $width)
        for y in 0..<height {
            let rows = Between(row(y), of: $height)
            if !rows.isSeen { continue }
            for i in line.indices {
                let start = i / $width * $height * $width + i % $width
                line[i] = rows.mean(values[start + rows.first * $width], values[start + rows.second * $width])
            }
            for x in 0..<width where columns[x].isSeen {
                let cells = columns[x]
                var (best, most): (Int, Float) = (0, $lowest)
                for number in 0..<$channels {
                    let start = number * $width
                    let value = cells.mean(line[start + cells.first], line[start + cells.second])
                    if value > most { (best, most) = ($number, value) }
                }
                classes[y * width + x] = best
            }
        }
        return classes
    }
}

/// The two of `count` cells between which a place lies; cell `i` has its centre at `i + 0.5`.
private struct Between {
    let isSeen: Bool
    let first, second: Int
    private let share: Float

    init(_ place: Double, of count: Int) {
        isSeen = place >= 0 && place < Double(count)
        let kept = min(max(place - 0.5, 0), Double(count - 1))
        first = min(Int(kept), max(count - 2, 0))
        second = min(first + 1, count - 1)
        share = Float(kept - Double(first))
    }

    func mean(_ low: Float, _ high: Float) -> Float { low + share * (high - low) }
}"""
)

_CLASSES = Template(
    _HEAD
    + """        for y in 0..<height {
            for x in 0..<width {
                let (x0, y0) = (Int(column(x).rounded(.down)), Int(row(y).rounded(.down)))
                if 0..<$width ~= x0 && 0..<$height ~= y0 { classes[y * width + x] = Int(values[y0 * $width + x0]) }
            }
        }
        return classes
    }
}"""
)

SWIFT = Pieces(_SCORES, _CLASSES, "-.infinity", "")
