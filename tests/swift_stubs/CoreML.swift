// What written Swift uses of Core ML. A model prints what it is fed, and answers `given`, or 0, 1, 2, ... in padded rows.
@_exported import CoreVideo
import Foundation

public protocol MLShapedArrayScalar: BitwiseCopyable {
    init(stored: Float)
}

extension Float: MLShapedArrayScalar {
    public init(stored: Float) { self = stored }
}

extension Int32: MLShapedArrayScalar {
    public init(stored: Float) { self = Int32(stored) }
}

public final class MLMultiArray {
    let shape, strides: [Int]
    let memory: [Float]

    init(shape: [Int], strides: [Int], memory: [Float]) {
        (self.shape, self.strides, self.memory) = (shape, strides, memory)
    }
}

public struct MLShapedArray<Scalar: MLShapedArrayScalar> {
    public let scalars: [Scalar]
    let shape: [Int]

    public init(scalars: [Scalar], shape: [Int]) {
        precondition(scalars.count == shape.reduce(1, *))
        (self.scalars, self.shape) = (scalars, shape)
    }

    public init(converting array: MLMultiArray) {
        let count = array.shape.reduce(1, *)
        scalars = (0..<count).map { number in
            var (rest, place) = (number, 0)
            for (side, stride) in zip(array.shape, array.strides).reversed() {
                place += rest % side * stride
                rest /= side
            }
            return Scalar(stored: array.memory[place])
        }
        shape = array.shape
    }
}

public final class MLFeatureValue {
    public let multiArrayValue: MLMultiArray?
    let bytes: [UInt8]
    let shape: [Int]

    public init(pixelBuffer: CVPixelBuffer) {
        precondition(!pixelBuffer.isLocked)
        multiArrayValue = nil
        shape = [pixelBuffer.height, pixelBuffer.width, pixelBuffer.rowBytes / pixelBuffer.width]
        bytes = (0..<pixelBuffer.height).flatMap { row in
            let start = pixelBuffer.memory + row * (pixelBuffer.rowBytes + 12)
            return [UInt8](UnsafeRawBufferPointer(start: start, count: pixelBuffer.rowBytes))
        }
    }

    public init<Scalar>(shapedArray: MLShapedArray<Scalar>) {
        multiArrayValue = nil
        shape = shapedArray.shape
        bytes = shapedArray.scalars.withUnsafeBytes { [UInt8]($0) }
    }

    init(multiArray: MLMultiArray) {
        multiArrayValue = multiArray
        (shape, bytes) = ([], [])
    }
}

public protocol MLFeatureProvider {
    func featureValue(for name: String) -> MLFeatureValue?
}

public final class MLDictionaryFeatureProvider: MLFeatureProvider {
    let features: [String: MLFeatureValue]

    public init(dictionary: [String: Any]) throws {
        features = dictionary.mapValues { $0 as! MLFeatureValue }
    }

    public func featureValue(for name: String) -> MLFeatureValue? { features[name] }
}

public final class MLModel {
    public init(contentsOf url: URL) throws {}

    public func prediction(from input: MLFeatureProvider) throws -> MLFeatureProvider {
        let given = input as! MLDictionaryFeatureProvider
        for name in given.features.keys.sorted() {
            let value = given.features[name]!
            let shape = value.shape.map { String($0) }.joined(separator: "x")
            print("fed", name, shape, Data(value.bytes).base64EncodedString())
        }
        return Outputs()
    }
}

/// The values of the outputs by name; every other one that is asked for is of the shape (2, 3), in rows of 8 numbers.
public var given: [String: [Float]] = [:]

private final class Outputs: MLFeatureProvider {
    func featureValue(for name: String) -> MLFeatureValue? {
        if let values = given[name] {
            return MLFeatureValue(multiArray: MLMultiArray(shape: [values.count], strides: [1], memory: values))
        }
        let memory: [Float] = [0, 1, 2, -1, -1, -1, -1, -1, 3, 4, 5, -1, -1, -1, -1, -1]
        return MLFeatureValue(multiArray: MLMultiArray(shape: [2, 3], strides: [8, 1], memory: memory))
    }
}
