/// UTF-8 text that remembers which bytes of the original each of its bytes stands for.
///
/// Normalisation changes text; masks need to know which part of the original a token stands for.
/// Text that has not been changed needs no table: its bytes are those of the original from `base`
/// on. Where places are not asked for, no table is made at all.
struct AlignedText {
    var bytes: [UInt8]
    /// Where the first byte stands in the original, while nothing has been changed.
    var base: Int
    /// For each byte the range of the original that it stands for; nil while nothing has been
    /// changed or where it is not needed.
    var places: Places?
    let tracksPlaces: Bool

    struct Places {
        var starts: [Int32] = []
        var ends: [Int32] = []
    }

    init(_ bytes: [UInt8], base: Int, tracksPlaces: Bool) {
        self.bytes = bytes
        self.base = base
        self.tracksPlaces = tracksPlaces
    }

    var count: Int { bytes.count }

    func start(_ index: Int) -> Int { places.map { Int($0.starts[index]) } ?? base + index }

    func end(_ index: Int) -> Int { places.map { Int($0.ends[index]) } ?? base + index + 1 }

    /// The bytes of the original that a range of this text stands for. Empty ranges stand for
    /// nothing at the place where they are.
    func original(_ range: Range<Int>) -> Range<Int> {
        if range.isEmpty {
            let place = range.lowerBound < count ? start(range.lowerBound) : count > 0 ? end(count - 1) : base
            return place..<place
        }
        let from = start(range.lowerBound)
        return from..<max(from, end(range.upperBound - 1))
    }

    func slice(_ range: Range<Int>) -> AlignedText {
        if range == 0..<count { return self }
        var result = AlignedText(Array(bytes[range]), base: base + range.lowerBound, tracksPlaces: tracksPlaces)
        if let places { result.places = Places(starts: Array(places.starts[range]), ends: Array(places.ends[range])) }
        return result
    }

    var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// Makes a changed copy of an ``AlignedText``.
struct AlignedTextBuilder {
    private let source: AlignedText
    private(set) var result: AlignedText

    init(_ source: AlignedText) {
        self.source = source
        result = AlignedText([], base: source.base, tracksPlaces: source.tracksPlaces)
        result.bytes.reserveCapacity(source.count + source.count / 4 + 16)
        if source.tracksPlaces {
            var places = AlignedText.Places()
            places.starts.reserveCapacity(source.count + source.count / 4 + 16)
            places.ends.reserveCapacity(source.count + source.count / 4 + 16)
            result.places = places
        }
    }

    /// Bytes of the source as they are.
    mutating func copy(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        result.bytes.append(contentsOf: source.bytes[range])
        guard source.tracksPlaces else { return }
        if let places = source.places {
            result.places?.starts.append(contentsOf: places.starts[range])
            result.places?.ends.append(contentsOf: places.ends[range])
        } else {
            let from = Int32(truncatingIfNeeded: source.base + range.lowerBound)
            let to = Int32(truncatingIfNeeded: source.base + range.upperBound)
            result.places?.starts.append(contentsOf: from..<to)
            result.places?.ends.append(contentsOf: (from + 1)..<(to + 1))
        }
    }

    /// New bytes that stand for a range of the source; an empty one is a place between its bytes.
    mutating func insert(_ bytes: some Collection<UInt8>, for range: Range<Int>) {
        result.bytes.append(contentsOf: bytes)
        guard source.tracksPlaces else { return }
        let place = source.original(range)
        result.places?.starts.append(contentsOf: repeatElement(Int32(truncatingIfNeeded: place.lowerBound), count: bytes.count))
        result.places?.ends.append(contentsOf: repeatElement(Int32(truncatingIfNeeded: place.upperBound), count: bytes.count))
    }
}
