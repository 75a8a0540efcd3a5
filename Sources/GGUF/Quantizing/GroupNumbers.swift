/// The numbers of a block of 256 by groups: lane g of vector i is the i-th number of group g. What
/// is computed for one group in a row is computed for all of them beside one another, in the same
/// order of sums.
struct GroupNumbers<Lanes: SIMD> where Lanes.Scalar == Float {
    static var groupCount: Int { Lanes.scalarCount }
    static var groupLength: Int { 256 / Lanes.scalarCount }

    private(set) var vectors: [Lanes]

    init(_ numbers: UnsafePointer<Float>) {
        vectors = (0..<Self.groupLength).map { index in
            var vector = Lanes()
            for group in 0..<Self.groupCount { vector[group] = numbers[group * Self.groupLength + index] }
            return vector
        }
    }

    /// Nothing yet.
    init() { vectors = [Lanes](repeating: Lanes(), count: Self.groupLength) }

    var count: Int { vectors.count }

    subscript(index: Int) -> Lanes {
        @inline(__always) get { vectors[index] }
        @inline(__always) set { vectors[index] = newValue }
    }

    /// The vectors where they lie: loops over them check no bounds.
    func withVectors(_ body: (UnsafePointer<Lanes>) -> Void) {
        vectors.withUnsafeBufferPointer { if let start = $0.baseAddress { body(start) } }
    }
    mutating func withMutableVectors(_ body: (UnsafeMutablePointer<Lanes>) -> Void) {
        vectors.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { body(start) } }
    }
}
