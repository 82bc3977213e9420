// What written Swift uses of Core Graphics. An image is drawn in its own size only, and blended as Core Graphics does it.
@_exported import Foundation

public typealias CFString = String
public typealias CFData = Data
public typealias CFDictionary = [CFString: Any]

public enum CGColorSpaceModel { case monochrome, rgb }

public final class CGColorSpace {
    public static let sRGB = "sRGB", linearSRGB = "linearSRGB", linearGray = "linearGray"
    public let model: CGColorSpaceModel
    let name: CFString

    public init?(name: CFString) {
        self.name = name
        model = name.hasSuffix("RGB") ? .rgb : .monochrome
    }
}

public struct CGImage {
    public let width, height: Int
    public let colorSpace: CGColorSpace?
    let pixels: [UInt32]  // 0xAARRGGBB

    public init(width: Int, height: Int, colorSpace: CGColorSpace?, pixels: [UInt32]) {
        (self.width, self.height, self.colorSpace, self.pixels) = (width, height, colorSpace, pixels)
    }

    public func copy(colorSpace: CGColorSpace) -> CGImage? {
        CGImage(width: width, height: height, colorSpace: colorSpace, pixels: pixels)
    }
}

public enum CGImageAlphaInfo: UInt32 { case premultipliedLast = 1 }

public struct CGColor {
    let channels: [UInt8]

    public init(srgbRed: Double, green: Double, blue: Double, alpha: Double) {
        channels = [srgbRed, green, blue, alpha].map { UInt8($0 * 255) }
    }
}

public final class CGContext {
    private let memory: UnsafeMutablePointer<UInt8>
    private let size: CGRect
    private let space: CGColorSpace
    private var fillColor = [UInt8](repeating: 0, count: 4)

    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int,
        space: CGColorSpace, bitmapInfo: UInt32
    ) {
        precondition(bitsPerComponent == 8 && bytesPerRow == 4 * width && bitmapInfo == 1)
        guard let data else { return nil }
        memory = data.assumingMemoryBound(to: UInt8.self)
        size = CGRect(x: 0, y: 0, width: width, height: height)
        self.space = space
    }

    public func setFillColor(_ color: CGColor) { fillColor = color.channels }

    public func fill(_ rect: CGRect) {
        precondition(rect == size)
        for place in 0..<(4 * Int(size.width * size.height)) { memory[place] = fillColor[place % 4] }
    }

    public func draw(_ image: CGImage, in rect: CGRect) {
        precondition(rect == size && image.width == Int(size.width) && image.height == Int(size.height))
        precondition(space.name == (image.colorSpace?.model == .monochrome ? "linearSRGB" : "sRGB"))
        for (place, pixel) in image.pixels.enumerated() {
            let alpha = Int(pixel >> 24)
            for channel in 0..<3 {
                let value = (Int(pixel >> UInt32(16 - 8 * channel)) & 255) * alpha
                let under = Int(memory[4 * place + channel]) * (255 - alpha)
                memory[4 * place + channel] = UInt8((value + 127) / 255 + (under + 127) / 255)
            }
        }
    }
}
