/// What one lane has given in a step or an evaluation.
struct LaneFigures: Hashable {
    var measures = Measures()
    /// Rows that were computed, those that fill programs up among them.
    var rows = 0

    static func += (left: inout LaneFigures, right: LaneFigures) {
        left.measures += right.measures
        left.rows += right.rows
    }

    /// A process's lanes as its group gets them.
    /// - Parameter lanes: nil: what was done was cancelled.
    static func bytes(_ lanes: [LaneFigures]?) -> [UInt8] {
        guard let lanes else { return [] }
        var writer = ByteWriter()
        writer.add(lanes.count)
        for lane in lanes {
            writer.add(lane.rows)
            lane.measures.append(to: &writer)
        }
        return writer.bytes
    }

    /// - Returns: nil if that was cancelled.
    /// - Throws: ``TrainingError/brokenExchange`` if the bytes are none of ``bytes(_:)``.
    static func lanes(_ bytes: [UInt8]) throws(TrainingError) -> [LaneFigures]? {
        if bytes.isEmpty { return nil }
        var reader = ByteReader(bytes)
        guard let count = reader.integer(), count >= 0, count <= bytes.count else { throw .brokenExchange }
        var lanes: [LaneFigures] = []
        for _ in 0..<count {
            guard let rows = reader.integer(), let measures = Measures(reading: &reader) else { throw .brokenExchange }
            lanes.append(LaneFigures(measures: measures, rows: rows))
        }
        return lanes
    }
}
