import CZlib

/// A picture of pixels in red, green and blue, as a PNG file (ISO/IEC 15948).
struct PNGImage {
    struct Colour: Hashable {
        var red: UInt8
        var green: UInt8
        var blue: UInt8

        static let white = Colour(red: 255, green: 255, blue: 255)
        static let black = Colour(red: 0, green: 0, blue: 0)
    }

    let width: Int
    let height: Int
    private var bytes: [UInt8]

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        bytes = [UInt8](repeating: 255, count: width * height * 3)
    }

    subscript(x: Int, y: Int) -> Colour {
        let place = (y * width + x) * 3
        return Colour(red: bytes[place], green: bytes[place + 1], blue: bytes[place + 2])
    }

    /// Mixes a colour into a pixel; outside of the picture nothing happens.
    /// - Parameter share: of the new colour, 0 to 1.
    mutating func mix(_ colour: Colour, _ share: Double, x: Int, y: Int) {
        guard x >= 0, y >= 0, x < width, y < height, share > 0 else { return }
        let place = (y * width + x) * 3
        for (offset, new) in [colour.red, colour.green, colour.blue].enumerated() {
            let old = Double(bytes[place + offset])
            bytes[place + offset] = UInt8(max(0, min(255, old + (Double(new) - old) * min(1, share))))
        }
    }

    /// The file's content; nil if it cannot be packed for want of memory.
    var file: [UInt8]? {
        var rows: [UInt8] = []
        rows.reserveCapacity(height * (width * 3 + 1))
        for row in 0..<height {
            // No filter: lines on white pack well without one.
            rows.append(0)
            rows += bytes[(row * width * 3)..<((row + 1) * width * 3)]
        }
        var packedCount = compressBound(uLong(rows.count))
        var packed = [UInt8](repeating: 0, count: Int(packedCount))
        guard compress2(&packed, &packedCount, rows, uLong(rows.count), 9) == Z_OK else { return nil }
        // 8 bits a channel, colours without a table, no interlacing.
        let head = Self.bytes(of: width) + Self.bytes(of: height) + [8, 2, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", head)
            + Self.chunk("IDAT", packed.prefix(Int(packedCount))) + Self.chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ content: some Collection<UInt8>) -> [UInt8] {
        let body = Array(name.utf8) + content
        return bytes(of: content.count) + body + bytes(of: Int(crc32(0, body, uInt(body.count))))
    }

    /// Big-endian, as everything in a PNG.
    private static func bytes(of number: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }
}
