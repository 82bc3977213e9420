// What written Swift uses of Core Video. Rows are padded.
public let kCVPixelFormatType_32BGRA: UInt32 = 0x4247_5241
public let kCVPixelFormatType_OneComponent8: UInt32 = 0x4C30_3038

public final class CVPixelBuffer {
    public let width, height, rowBytes: Int
    public let memory: UnsafeMutableRawPointer
    public private(set) var isLocked = false

    init(width: Int, height: Int, format: UInt32) {
        (self.width, self.height) = (width, height)
        rowBytes = width * (format == kCVPixelFormatType_32BGRA ? 4 : 1)
        memory = .allocate(byteCount: height * (rowBytes + 12), alignment: 16)
    }

    deinit { memory.deallocate() }

    func lock(_ lock: Bool) {
        precondition(isLocked != lock)
        isLocked = lock
    }
}

public struct CVPixelBufferLockFlags: OptionSet {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }
}

@discardableResult
public func CVPixelBufferCreate(
    _ allocator: Any?, _ width: Int, _ height: Int, _ format: UInt32, _ attributes: Any?, _ made: inout CVPixelBuffer?
) -> Int32 {
    made = CVPixelBuffer(width: width, height: height, format: format)
    return 0
}

@discardableResult
public func CVPixelBufferLockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> Int32 {
    buffer.lock(true)
    return 0
}

@discardableResult
public func CVPixelBufferUnlockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> Int32 {
    buffer.lock(false)
    return 0
}

public func CVPixelBufferGetBaseAddress(_ buffer: CVPixelBuffer) -> UnsafeMutableRawPointer? {
    buffer.isLocked ? buffer.memory : nil
}

public func CVPixelBufferGetBytesPerRow(_ buffer: CVPixelBuffer) -> Int { buffer.rowBytes + 12 }
