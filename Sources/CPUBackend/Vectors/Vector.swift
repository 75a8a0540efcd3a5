import COneDNN

/// Sixteen float32 numbers: one AVX-512 register, two of AVX2. Every kernel computes in these.
typealias Vector = SIMD16<Float>
typealias VectorBits = SIMD16<UInt32>

@inline(__always) func load(_ address: UnsafePointer<Float>) -> Vector { UnsafeRawPointer(address).loadUnaligned(as: Vector.self) }

@inline(__always) func store(_ vector: Vector, _ address: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(address).storeBytes(of: vector, as: Vector.self)
}

/// The first `count` (up to 16) numbers; the others are zero, and not read.
@inline(__always) func loadPart(_ address: UnsafePointer<Float>, _ count: Int) -> Vector { tala_load_part(address, count) }

/// Writes the first `count` (up to 16) numbers.
@inline(__always) func storePart(_ vector: Vector, _ address: UnsafeMutablePointer<Float>, _ count: Int) {
    tala_store_part(vector, address, count)
}

extension SIMD16<Float> {
    @inline(__always) static func broadcast(_ number: Float) -> Vector { Vector(repeating: number) }

    /// The sum of all, by halves.
    @inline(__always) var total: Float { tala_total(self) }

    /// The greater of each pair; `other` where one is not a number.
    @inline(__always) func greater(_ other: Vector) -> Vector { other.replacing(with: self, where: self .> other) }

    /// The greatest of all.
    @inline(__always) var greatest: Float { tala_greatest(self) }

    /// This plus a product; see ``sumWithProduct(_:_:_:)``.
    @_transparent func addingProduct(_ left: Vector, _ right: Vector) -> Vector { sumWithProduct(self, left, right) }

    @inline(__always) var bits: VectorBits { unsafeBitCast(self, to: VectorBits.self) }
}

extension SIMD16<UInt32> {
    @inline(__always) var floats: Vector { unsafeBitCast(self, to: Vector.self) }
}

/// `sum + left * right`: rounded once where the processor can, else twice, because the single
/// rounding would be a call of the C library for every number.
@_transparent func sumWithProduct<Numbers: SIMD>(_ sum: Numbers, _ left: Numbers, _ right: Numbers) -> Numbers
where Numbers.Scalar == Float {
    tala_fuses_products() != 0 ? sum.addingProduct(left, right) : sum + left * right
}

/// 0, 1, ... 15: for masks, which are made by comparing float numbers (comparisons of integer
/// vectors become scalar code).
@inline(__always) var lanes: Vector { Vector(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
