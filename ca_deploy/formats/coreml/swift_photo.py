"""What written Swift does to every photo: opens it upright, puts white behind it, and scales it as Pillow does.

The arithmetic is that of ``_kotlin_photo``: Core Graphics' own filters are not documented.
"""

OPEN_PHOTO = """\
/// A photo, upright: turned as its EXIF orientation says. Of a file: `try openPhoto(Data(contentsOf: url))`.
func openPhoto(_ file: Data) throws -> CGImage {
    let options: [CFString: Any] = [
        kCGImageSourceCreateThumbnailFromImageAlways: true,  // in full size, because no other is asked for
        kCGImageSourceCreateThumbnailWithTransform: true,
    ]
    guard let source = CGImageSourceCreateWithData(file as CFData, nil),
        let photo = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
    else { throw CocoaError(.fileReadCorruptFile) }
    return photo
}"""

PIXELS = """\
/// R, G, B and A of each pixel in sRGB, blended with white where the photo is transparent, so that A is 255.
private func pixels(of photo: CGImage) throws -> [UInt8] {
    let (width, height) = (photo.width, photo.height)
    var (drawn, space) = (photo, CGColorSpace.sRGB)
    if photo.colorSpace?.model == .monochrome, let linear = CGColorSpace(name: CGColorSpace.linearGray),
        let grey = photo.copy(colorSpace: linear)
    {
        (drawn, space) = (grey, CGColorSpace.linearSRGB)  // or grey values would change to fit another curve
    }
    var pixels = [UInt8](repeating: 0, count: 4 * width * height)
    try pixels.withUnsafeMutableBytes { memory in
        guard let colours = CGColorSpace(name: space),
            let context = CGContext(
                data: memory.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
                space: colours, bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue
            )
        else { throw CocoaError(.featureUnsupported) }
        let whole = CGRect(x: 0, y: 0, width: width, height: height)
        context.setFillColor(CGColor(srgbRed: 1, green: 1, blue: 1, alpha: 1))
        context.fill(whole)
        context.draw(drawn, in: whole)
    }
    return pixels
}"""

FILTER = """\
/// Pillow's antialiased bilinear filter along one side: how pixels `first..<(first + count)` of a side of `to`
/// pixels are made of one of `from` pixels. Weights are in units of 2^-22.
private struct Filter {
    let from: Int
    private var starts: [Int] = []
    private var weights: [[Int]] = []

    init(from: Int, to: Int, first: Int, count: Int) {
        self.from = from
        let scale = Double(from) / Double(to)
        let reach = max(scale, 1)
        for place in first..<(first + count) {
            let centre = (Double(place) + 0.5) * scale
            let start = max(0, Int(centre - reach + 0.5))
            let end = min(from, Int(centre + reach + 0.5))
            var shares: [Double] = []
            for pixel in start..<end {
                let distance: Double = Double(pixel) - centre + 0.5
                shares.append(max(0, 1 - abs(distance * (1 / reach))))
            }
            let sum: Double = shares.reduce(0, +)
            starts.append(start)
            weights.append(shares.map { (share: Double) -> Int in Int(share / sum * 4_194_304 + 0.5) })
        }
    }

    var count: Int { starts.count }

    /// The pixels that are looked at: `start..<end`.
    var start: Int { starts[0] }
    var end: Int { starts[count - 1] + weights[count - 1].count }

    /// Writes to `place` pixel `i` of those that lie `step` bytes apart in `source`, where `start` is at `offset`.
    func mix(_ i: Int, of source: [UInt8], offset: Int, step: Int, into target: inout [UInt8], place: Int) {
        var (red, green, blue) = (1 << 21, 1 << 21, 1 << 21)
        var pixel = offset + (starts[i] - start) * step
        for weight in weights[i] {
            red += Int(source[pixel]) * weight
            green += Int(source[pixel + 1]) * weight
            blue += Int(source[pixel + 2]) * weight
            pixel += step
        }
        target[place] = UInt8(red >> 22)
        target[place + 1] = UInt8(green >> 22)
        target[place + 2] = UInt8(blue >> 22)
    }
}"""

SCALED = """\
/// R, G, B and A of a photo scaled as Pillow does it, rows first; of a side that is longer than `from`, the centre.
private func scaled(_ photo: CGImage, columns: Filter, rows: Filter) throws -> [UInt8] {
    let source = try pixels(of: photo)
    let x = (photo.width - columns.from) / 2 + columns.start
    let y = (photo.height - rows.from) / 2
    let line = 4 * columns.count
    var narrow = [UInt8](repeating: 255, count: (rows.end - rows.start) * line)
    for row in rows.start..<rows.end {
        let (offset, place) = (4 * ((y + row) * photo.width + x), (row - rows.start) * line)
        for i in 0..<columns.count {
            columns.mix(i, of: source, offset: offset, step: 4, into: &narrow, place: place + 4 * i)
        }
    }
    var pixels = [UInt8](repeating: 255, count: rows.count * line)
    for i in 0..<rows.count {
        for column in 0..<columns.count {
            rows.mix(i, of: narrow, offset: 4 * column, step: line, into: &pixels, place: i * line + 4 * column)
        }
    }
    return pixels
}"""

GREY = """\
/// Brightness of a pixel, 0...255 (ITU-R 601).
private func grey(_ pixels: [UInt8], _ pixel: Int) -> UInt8 {
    let (red, green, blue) = (Int(pixels[4 * pixel]), Int(pixels[4 * pixel + 1]), Int(pixels[4 * pixel + 2]))
    return UInt8((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
}"""
