import Quantization
import Tensors
import Testing

@testable import CPUBackend

/// The order of sums that generation rests on, number by number, and the weights that they are made
/// from.
@Suite struct RowDotsTests {
    /// The documented order, in scalar code.
    private static func total(_ x: ArraySlice<Float>, _ w: ArraySlice<Float>) -> Float {
        var sums = [Float](repeating: 0, count: 16)
        let fuses = Device.fusesProducts
        for (index, pair) in zip(x, w).enumerated() {
            let sum = sums[index % 16]
            sums[index % 16] = fuses ? sum.addingProduct(pair.0, pair.1) : sum + pair.0 * pair.1
        }
        for half in [8, 4, 2, 1] { for lane in 0..<half { sums[lane] += sums[lane + half] } }
        return sums[0]
    }

    private enum Device {
        /// As the vectors of the kernels do it.
        static var fusesProducts: Bool {
            let (a, b) = (Vector.broadcast(1 + 0x1p-12), Vector.broadcast(1 - 0x1p-12))
            return Vector.broadcast(-1).addingProduct(a, b)[0] != 0
        }
    }

    @Test(arguments: [1, 2, 3, 5, 6, 7, 8, 13, 33], [1, 15, 16, 17, 64, 131, 576])
    func aSumHasOneOrderWhateverStandsBesideIt(_ rows: Int, _ k: Int) {
        var random = SystemRandomNumberGenerator()
        let (columns, stride, step) = (7, k + 3, k + 1)
        let x = (0..<rows * stride).map { _ in Float.random(in: -1...1, using: &random) }
        let w = (0..<columns * step).map { _ in Float.random(in: -1...1, using: &random) }
        let halves = w.map { UInt16($0.bitPattern >> 16) }
        let widened = halves.map { Float(bitPattern: UInt32($0) << 16) }
        // What stands behind the sums stays as it is.
        var (sums, narrow) = ([Float](repeating: .nan, count: rows * 9), [Float](repeating: .nan, count: rows * 9))
        w.withUnsafeBytes { weight in
            if let start = weight.baseAddress {
                RowDots.multiply(
                    RowDots.Single.self, x, stride: stride, rows: rows, start, step: step, columns: columns, k, &sums, sumsStride: 9)
            }
        }
        halves.withUnsafeBytes { weight in
            if let start = weight.baseAddress {
                RowDots.multiply(
                    RowDots.BFloat16.self, x, stride: stride, rows: rows, start, step: step, columns: columns, k, &narrow, sumsStride: 9)
            }
        }
        for row in 0..<rows {
            for column in 0..<9 {
                guard column < columns else {
                    #expect(sums[row * 9 + column].isNaN && narrow[row * 9 + column].isNaN)
                    continue
                }
                let left = x[row * stride..<row * stride + k]
                let part = column * step..<column * step + k
                #expect(sums[row * 9 + column].bitPattern == Self.total(left, w[part]).bitPattern)
                #expect(narrow[row * 9 + column].bitPattern == Self.total(left, widened[part]).bitPattern)
            }
        }
    }

    @Test(arguments: QuantizedFormat.allCases, [192, 129])
    func anUnpackedRowHasTheBitsOfItsNumbers(_ format: QuantizedFormat, _ columns: Int) throws {
        let rows = 9
        let layout = QuantizedLayout(format, elementCount: rows * columns)
        var random = SystemRandomNumberGenerator()
        let numbers = (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &random) }
        var words = [Int32](repeating: 0, count: layout.wordCount)
        let fault = words.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { start in
                WeightQuantizer(layout).quantize(into: start, threadCount: 1) { range, target in
                    for (index, element) in range.enumerated() { target[index] = numbers[element] }
                }
            }
        }
        #expect(fault == .some(nil))
        let stride = columns + 5
        try words.withUnsafeBytes { bytes in
            let start = try #require(bytes.baseAddress)
            var wanted = [Float](repeating: 0, count: columns)
            var (single, room) = ([Float](repeating: 0, count: 4 * stride), wanted)
            var halves = [UInt16](repeating: 0, count: 4 * stride)
            let stored = QuantizedRows(layout, start, columns: columns)
            single.withUnsafeMutableBytes { target in
                if let place = target.baseAddress { stored.unpack(3..<7, as: .float32, to: place, stride: stride, room: &room) }
            }
            halves.withUnsafeMutableBytes { target in
                if let place = target.baseAddress { stored.unpack(3..<7, as: .bfloat16, to: place, stride: stride, room: &room) }
            }
            for row in 0..<4 {
                QuantizedWeight(layout, start).dequantize((3 + row) * columns..<(4 + row) * columns, into: &wanted)
                var narrow = [UInt16](repeating: 0, count: columns)
                narrow.withUnsafeMutableBytes { target in
                    if let place = target.baseAddress { RowConversion.narrow(wanted, to: place, .bfloat16, count: columns) }
                }
                #expect(Array(single[row * stride..<row * stride + columns]) == wanted)
                #expect(Array(halves[row * stride..<row * stride + columns]) == narrow)
            }
        }
    }

    /// Rows of a q8 weight times rows of activations in whole numbers, where the processor has
    /// them.
    @Test(.enabled(if: ByteProductKernel.isPossible)) func whatIsNoNumberStaysNoneInProductsOfBytes() throws {
        let (rows, columns, inner) = (3, 5, 96)
        let layout = QuantizedLayout(.q8, elementCount: columns * inner)
        var words = [Int32](repeating: 0x0101_0101, count: layout.wordCount)
        for block in 0..<layout.blockCount / 2 + 1 { words[layout.scaleWord + block] = 0x3c00_3c00 }
        var x = [Float](repeating: 0.5, count: rows * inner)
        (x[40], x[2 * inner + 95]) = (.nan, .infinity)
        var c = [Float](repeating: 7, count: rows * columns)
        try words.withUnsafeMutableBytes { words in
            try x.withUnsafeMutableBytes { x in
                try c.withUnsafeMutableBytes { c in
                    let (weight, left, right) = (try #require(words.baseAddress), try #require(x.baseAddress), try #require(c.baseAddress))
                    let kernel = ByteProductKernel(
                        x: Matrix(base: left, rows: rows, columns: inner, rowStride: inner, elementType: .float32),
                        weight: QuantizedWeight(layout, weight), addend: nil,
                        c: Matrix(base: right, rows: rows, columns: columns, rowStride: columns, elementType: .float32))
                    let scratch = try AlignedMemory(byteCount: kernel.scratchByteCount)
                    let shared = try AlignedMemory(byteCount: kernel.sharedByteCount)
                    var failure: Int32 = 0
                    withUnsafeMutablePointer(to: &failure) { failure in
                        let workspace = Workspace(thread: 0, scratch: scratch.address, shared: shared.address, failure: failure)
                        for phase in 0..<kernel.phaseCount {
                            for block in 0..<kernel.blockCount(phase) { kernel.run(phase, block, workspace) }
                        }
                    }
                }
            }
        }
        #expect(c[0..<5].allSatisfy(\.isNaN) && c[10..<15].allSatisfy(\.isNaN))
        #expect(c[5..<10].allSatisfy { $0 == 48 })
    }
}
