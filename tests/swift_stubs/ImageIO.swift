// Reads what tests/formats/photos.py writes instead of a format, and turns it.
import CoreGraphics

public let kCGImageSourceCreateThumbnailFromImageAlways = "FromImageAlways"
public let kCGImageSourceCreateThumbnailWithTransform = "WithTransform"

public struct CGImageSource { let numbers: [UInt32] }

public func CGImageSourceCreateWithData(_ data: CFData, _ options: CFDictionary?) -> CGImageSource? {
    let bytes = [UInt8](data)
    return CGImageSource(numbers: (0..<(bytes.count / 4)).map { place in
        bytes[(4 * place)..<(4 * place + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    })
}

public func CGImageSourceCreateThumbnailAtIndex(_ source: CGImageSource, _ index: Int, _ options: CFDictionary?) -> CGImage? {
    precondition(index == 0 && Set(options!.keys) == ["FromImageAlways", "WithTransform"])
    precondition(options!.values.allSatisfy { $0 as? Bool == true })
    let (orientation, width, height) = (source.numbers[0], Int(source.numbers[1]), Int(source.numbers[2]))
    let (newWidth, newHeight) = orientation > 4 ? (height, width) : (width, height)
    var turned = [UInt32](repeating: 0, count: width * height)
    for y in 0..<newHeight {
        for x in 0..<newWidth {
            let (right, below) = (newWidth - 1 - x, newHeight - 1 - y)
            let from = [(x, y), (right, y), (right, below), (x, below), (y, x), (y, right), (below, right), (below, x)][
                Int(orientation) - 1]
            turned[y * newWidth + x] = source.numbers[3 + from.1 * width + from.0]
        }
    }
    let isGrey = turned.allSatisfy { $0 & 255 == $0 >> 8 & 255 && $0 & 255 == $0 >> 16 & 255 }
    let space = CGColorSpace(name: isGrey ? "genericGrayGamma2_2" : CGColorSpace.sRGB)
    return CGImage(width: newWidth, height: newHeight, colorSpace: space, pixels: turned)
}
