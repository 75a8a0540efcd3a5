extension Measures {
    func append(to writer: inout ByteWriter) {
        let names = names
        writer.add(names.count)
        for name in names {
            writer.add(name)
            writer.add(self[name].total)
            writer.add(self[name].weight)
        }
        writer.add(scored.count)
        for sample in scored {
            writer.add(sample.labels.count)
            for label in sample.labels { writer.add(label) }
            writer.add(sample.logits.count)
            for logit in sample.logits { writer.add(Int(logit.bitPattern)) }
        }
    }

    /// - Returns: nil if the bytes are none of ``write(to:)``.
    init?(reading reader: inout ByteReader) {
        self.init()
        guard let count = reader.integer(), count >= 0 else { return nil }
        for _ in 0..<count {
            guard let name = reader.text(), let total = reader.number(), let weight = reader.number() else { return nil }
            add(name, total: total, weight: weight)
        }
        guard let samples = reader.integer(), samples >= 0 else { return nil }
        for _ in 0..<samples {
            guard let labels = reader.integers(), let bits = reader.integers() else { return nil }
            add(Scored(labels: labels, logits: bits.map { Float(bitPattern: UInt32(truncatingIfNeeded: $0)) }))
        }
    }
}

extension ByteReader {
    /// Integers behind their number.
    fileprivate mutating func integers() -> [Int]? {
        guard let count = integer(), count >= 0 else { return nil }
        var found: [Int] = []
        for _ in 0..<count {
            guard let next = integer() else { return nil }
            found.append(next)
        }
        return found
    }
}
