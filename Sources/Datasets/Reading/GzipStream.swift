import CZlib

/// Unpacks gzip data piece by piece, so that a small file that unpacks to a huge one costs no
/// memory.
///
/// Several members one behind the other are one text, as gzip has it; zeros behind the last one are
/// padding.
final class GzipStream {
    enum Failure: Error {
        case damaged
        /// Data that is not gzip follows the last member.
        case trailingBytes
    }
    private let stream: UnsafeMutablePointer<z_stream>
    private var isBetweenMembers = true
    private var members = 0

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isUsable = tala_inflate_init(stream) == Z_OK
    }
    private let isUsable: Bool

    deinit {
        if isUsable { inflateEnd(stream) }
        stream.deallocate()
    }

    /// Whether the text could end here: no member is half read.
    var isComplete: Bool { isBetweenMembers && members > 0 }

    /// Unpacks as much as fits.
    /// - Returns: bytes taken from `input` and bytes written to `output`.
    func unpack(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> (taken: Int, written: Int) {
        guard isUsable else { throw .damaged }
        var input = input
        var padding = 0
        if isBetweenMembers, members > 0 {
            padding = input.prefix { $0 == 0 }.count
            input = UnsafeRawBufferPointer(rebasing: input[padding...])
            guard let first = input.first else { return (padding, 0) }
            guard first == 0x1F else { throw .trailingBytes }
            guard inflateReset(stream) == Z_OK else { throw .damaged }
        }
        let (inputCount, outputCount) = (min(input.count, 1 << 30), min(output.count, 1 << 30))
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(inputCount)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(outputCount)
        if inputCount > 0 { isBetweenMembers = false }
        let code = inflate(stream, Z_NO_FLUSH)
        let taken = inputCount - Int(stream.pointee.avail_in)
        let written = outputCount - Int(stream.pointee.avail_out)
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            isBetweenMembers = true
            members += 1
        default: throw .damaged
        }
        return (padding + taken, written)
    }
}
