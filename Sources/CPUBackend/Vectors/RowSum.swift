/// Sums along a row, in sixteen (times two) partial sums: more precise than one, and always in the
/// same order.
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

    /// `sum of a`.
    @inline(__always) static func total(_ a: UnsafePointer<Float>, _ count: Int) -> Float {
        var (even, odd) = (Vector.zero, Vector.zero)
        var i = 0
        while i + 32 <= count {
            even += load(a + i)
            odd += load(a + i + 16)
            i += 32
        }
        if i + 16 <= count {
            even += load(a + i)
            i += 16
        }
        if i < count { odd += loadPart(a + i, count - i) }
        return (even + odd).total
    }

    /// `sum of (a - mean)²`.
    @inline(__always) static func squaredDistance(_ a: UnsafePointer<Float>, from mean: Vector, _ count: Int) -> Float {
        var (even, odd) = (Vector.zero, Vector.zero)
        var i = 0
        while i + 32 <= count {
            let (first, second) = (load(a + i) - mean, load(a + i + 16) - mean)
            even = even.addingProduct(first, first)
            odd = odd.addingProduct(second, second)
            i += 32
        }
        if i + 16 <= count {
            let distance = load(a + i) - mean
            even = even.addingProduct(distance, distance)
            i += 16
        }
        if i < count {
            let distance = (loadPart(a + i, count - i) - mean).replacing(with: 0, where: lanes .>= Float(count - i))
            odd = odd.addingProduct(distance, distance)
        }
        return (even + odd).total
    }
}
