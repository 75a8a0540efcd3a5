import Graph

/// Steps on a row of attention scores.
enum ScoreRow {
    /// Scales, and caps where the shape has a cap.
    @inline(__always) static func cap(_ scores: UnsafeMutablePointer<Float>, _ from: Int, _ to: Int, _ shape: AttentionShape) {
        var i = from
        if shape.softCap == 0 {
            let scale = Vector.broadcast(shape.scale)
            while i < to {
                store(load(scores + i) * scale, scores + i)
                i += 16
            }
        } else {
            let (inner, cap) = (Vector.broadcast(shape.scale / shape.softCap), Vector.broadcast(shape.softCap))
            while i < to {
                store(cap * hyperbolicTangent(load(scores + i) * inner), scores + i)
                i += 16
            }
        }
    }

    /// Of sixteen scores, hides those before a place, or those from a place on.
    @inline(__always) static func hide(_ scores: UnsafeMutablePointer<Float>, below place: Int) {
        store(load(scores).replacing(with: -.infinity, where: lanes .< Float(place)), scores)
    }

    @inline(__always) static func hide(_ scores: UnsafeMutablePointer<Float>, from place: Int) {
        store(load(scores).replacing(with: -.infinity, where: lanes .>= Float(place)), scores)
    }
}

enum RowScale {
    @inline(__always) static func multiply(_ row: UnsafeMutablePointer<Float>, by factor: Float, _ count: Int) {
        var i = 0
        while i + 16 <= count {
            store(load(row + i) * factor, row + i)
            i += 16
        }
        if i < count { storePart(loadPart(row + i, count - i) * factor, row + i, count - i) }
    }
}
