/// Sums along a row, in sixteen (times two) partial sums: more precise than one, and always in the same order.
enum RowSum {
    /// `sum of a * b`.
    @inline(__always) static func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        var (even, odd) = (Vector.zero, Vector.zero)
        var i = 0
        while i + 32 <= count {
            even = even.addingProduct(load(a + i), load(b + i))
            odd = odd.addingProduct(load(a + i + 16), load(b + i + 16))
            i += 32
        }
        if i + 16 <= count {
            even = even.addingProduct(load(a + i), load(b + i))
            i += 16
        }
        if i < count { odd = odd.addingProduct(loadPart(a + i, count - i), loadPart(b + i, count - i)) }
        return (even + odd).total
    }

    /// `sum of a * b * (c + offset)`.
    @inline(__always) static func product(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>, offset: Vector, _ count: Int
    ) -> Float {
        var (even, odd) = (Vector.zero, Vector.zero)
        var i = 0
        while i + 32 <= count {
            even = even.addingProduct(load(a + i) * load(b + i), load(c + i) + offset)
            odd = odd.addingProduct(load(a + i + 16) * load(b + i + 16), load(c + i + 16) + offset)
            i += 32
        }
        if i + 16 <= count {
            even = even.addingProduct(load(a + i) * load(b + i), load(c + i) + offset)
            i += 16
        }
        let rest = count - i
        if rest > 0 { odd = odd.addingProduct(loadPart(a + i, rest) * loadPart(b + i, rest), loadPart(c + i, rest) + offset) }
        return (even + odd).total
    }
}
