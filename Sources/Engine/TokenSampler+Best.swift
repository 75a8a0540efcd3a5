extension TokenSampler {
    private typealias Lanes = SIMD16<Float>
    /// Numbers whose greatest is looked for at a time: few enough to stay near the processor.
    private static let stretch = 4096

    /// The place of the greatest; the first of equals, and what is not a number is not great.
    ///
    /// The greatest of each stretch is found lane by lane, and then its place in the stretch that
    /// has it: every token of every answer takes this walk over the vocabulary.
    static func best(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        guard let start = logits.baseAddress else { return 0 }
        var (found, greatest) = (0, -Float.infinity)
        for first in stride(from: 0, to: logits.count, by: stretch) {
            let own = UnsafePointer(start + first)
            let count = min(stretch, logits.count - first)
            let next = Self.greatest(own, count)
            guard next > greatest else { continue }
            greatest = next
            var place = 0
            while place < count, own[place] != next { place += 1 }
            found = first + place
        }
        return found
    }

    private static func greatest(_ numbers: UnsafePointer<Float>, _ count: Int) -> Float {
        var (even, odd) = (Lanes(repeating: -.infinity), Lanes(repeating: -.infinity))
        var place = 0
        while place + 32 <= count {
            let address = UnsafeRawPointer(numbers + place)
            let (one, other) = (address.loadUnaligned(as: Lanes.self), address.loadUnaligned(fromByteOffset: 64, as: Lanes.self))
            // A comparison with what is not a number is false.
            even.replace(with: one, where: one .> even)
            odd.replace(with: other, where: other .> odd)
            place += 32
        }
        even.replace(with: odd, where: odd .> even)
        var greatest = even.max()
        while place < count {
            if numbers[place] > greatest { greatest = numbers[place] }
            place += 1
        }
        return greatest
    }
}
