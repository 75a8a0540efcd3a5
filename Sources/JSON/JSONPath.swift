/// The path to a place in a JSON text, as error messages name it: `messages[0].role`.
package enum JSONPath {
    /// The path of the value or key at `offset`, from a scan of what stands before it; the text
    /// need not be valid behind that.
    package static func path(of offset: Int, in bytes: [UInt8]) -> String {
        struct Level {
            var isArray: Bool
            var index = 0
            var key: String?
        }
        var levels: [Level] = []
        var position = 0
        while position < min(offset, bytes.count) {
            switch bytes[position] {
            case UInt8(ascii: "{"): levels.append(Level(isArray: false))
            case UInt8(ascii: "["): levels.append(Level(isArray: true))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = levels.popLast()
            case UInt8(ascii: ","):
                if let last = levels.indices.last {
                    levels[last].index += 1
                    levels[last].key = nil
                }
            case UInt8(ascii: "\""):
                let start = position + 1
                position = end(ofStringAt: position, in: bytes)
                if let last = levels.indices.last, !levels[last].isArray, levels[last].key == nil {
                    levels[last].key = key(bytes[start..<max(start, min(position, bytes.count))])
                }
            default: break
            }
            position += 1
            if levels.count > 256 { break }
        }
        // At a key's own quotation mark the key is not known yet: read it.
        if let last = levels.indices.last, !levels[last].isArray, levels[last].key == nil, offset < bytes.count,
            bytes[offset] == UInt8(ascii: "\"")
        {
            let close = end(ofStringAt: offset, in: bytes)
            levels[last].key = key(bytes[(offset + 1)..<max(offset + 1, min(close, bytes.count))])
        }
        var path = ""
        for level in levels {
            if level.isArray { path += "[\(level.index)]" } else if let key = level.key { path += (path.isEmpty ? "" : ".") + key }
        }
        return path
    }

    /// A key as it is meant: with its escapes read, if they can be.
    private static func key(_ bytes: ArraySlice<UInt8>) -> String {
        if bytes.contains(UInt8(ascii: "\\")),
            let read = try? JSONParser().parse([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]).string
        {
            return read
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func end(ofStringAt start: Int, in bytes: [UInt8]) -> Int {
        var position = start + 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") { position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1 }
        return position
    }
}
