/// Numbers of a sum that is not whole yet, in memory of their own.
package final class PartialSum {
    /// Valid as long as somebody holds this, which the compiler does not see: ``withNumbers(_:)``.
    package let numbers: UnsafeMutableBufferPointer<Float>

    /// Zeros.
    package init(count: Int) {
        numbers = .allocate(capacity: count)
        numbers.initialize(repeating: 0)
    }

    deinit { numbers.deallocate() }

    /// Gives the numbers to a body, and keeps them until it has returned.
    package func withNumbers<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(numbers) }
    }

    /// Adds as many numbers to these.
    package static func += (left: PartialSum, right: PartialSum) {
        left.withNumbers { sum in right.withNumbers { add($0, to: sum) } }
    }

    /// Adds numbers to as many others, each to its own.
    package static func add(_ numbers: UnsafeMutableBufferPointer<Float>, to sum: UnsafeMutableBufferPointer<Float>) {
        let count = min(numbers.count, sum.count)
        guard let source = numbers.baseAddress, let target = sum.baseAddress else { return }
        for index in 0..<count { target[index] += source[index] }
    }

    /// Adds up parts of as many numbers in the tree of ``Lanes``; the sum is in the first.
    package static func addUp(_ parts: [UnsafeMutableBufferPointer<Float>]) {
        var tree = TreeOfSums<UnsafeMutableBufferPointer<Float>>()
        for part in parts { tree.take(part) { add($1, to: $0) } }
        _ = tree.finish { add($1, to: $0) }
    }
}
