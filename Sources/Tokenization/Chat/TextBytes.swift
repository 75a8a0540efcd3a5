import Glibc

/// Searches in the UTF-8 bytes of texts.
enum TextBytes {
    /// The bytes where one text stands in another for the first time, from a place on.
    static func range(of part: String, in text: String, from place: Int = 0) -> Range<Int>? {
        var (part, text) = (part, text)
        return text.withUTF8 { bytes in part.withUTF8 { range(of: $0, in: bytes, from: place) } }
    }

    static func range(of part: UnsafeBufferPointer<UInt8>, in bytes: UnsafeBufferPointer<UInt8>, from place: Int = 0) -> Range<Int>? {
        guard place >= 0, place <= bytes.count, part.count <= bytes.count - place else { return nil }
        guard let start = bytes.baseAddress, let sought = part.baseAddress, !part.isEmpty else { return place..<place }
        var first = place
        // invariant: `first` stays below `last`, so that a whole part fits behind it.
        let last = bytes.count - part.count
        while first <= last, let found = memchr(start + first, Int32(sought[0]), last - first + 1) {
            first = UnsafeRawPointer(start).distance(to: UnsafeRawPointer(found))
            if memcmp(start + first, sought, part.count) == 0 { return first..<(first + part.count) }
            first += 1
        }
        return nil
    }
}
