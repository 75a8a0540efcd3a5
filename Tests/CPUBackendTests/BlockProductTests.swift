import Glibc
import Tensors
import Testing

@testable import CPUBackend

@Suite struct BlockProductTests {
    private func numbers(_ count: Int, _ random: inout some RandomNumberGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }

    private static let shapes: [BlockProductShape] = {
        var shapes: [BlockProductShape] = []
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (64, 128, 64), (17, 33, 65), (64, 8, 128), (128, 16, 20), (5, 11, 3), (9, 64, 300)] {
            for transposesA in [false, true] {
                for transposesB in [false, true] {
                    for accumulates in [false, true] {
                        shapes.append(
                            BlockProductShape(
                                m: m, n: n, k: k, transposesA: transposesA, transposesB: transposesB, strideA: (transposesA ? m : k) + 3,
                                strideB: (transposesB ? k : n) + 5, strideC: n + 2, inputType: .float32, outputType: .float32,
                                accumulates: accumulates))
                    }
                }
            }
        }
        return shapes
    }()

    @Test(arguments: [true, false]) func everyLayoutGivesTheProductAndTouchesNothingElse(usesOneDNN: Bool) throws {
        let library = ProductLibrary(threadCount: 1, usesOneDNN: usesOneDNN)
        var random = SystemRandomNumberGenerator()
        for shape in Self.shapes {
            let a = numbers((shape.transposesA ? shape.k : shape.m) * shape.strideA, &random)
            let b = numbers((shape.transposesB ? shape.n : shape.k) * shape.strideB, &random)
            let before = numbers(shape.m * shape.strideC, &random)
            var products: [BlockProduct] = [library.product(shape), SIMDProduct(shape)]
            if NarrowProduct.suits(shape) { products.append(NarrowProduct(shape)) }
            for product in products {
                var c = before
                let scratch = try AlignedMemory(byteCount: product.scratchByteCount)
                #expect(product.run(a, b, &c, scratch: scratch.address, thread: 0) == 0)
                var worst = 0.0
                for row in 0..<shape.m {
                    for column in 0..<shape.strideC {
                        let place = row * shape.strideC + column
                        guard column < shape.n else {
                            #expect(c[place] == before[place], "\(shape)")
                            continue
                        }
                        var sum = shape.accumulates ? Double(before[place]) : 0
                        for inner in 0..<shape.k {
                            let left = a[shape.transposesA ? inner * shape.strideA + row : row * shape.strideA + inner]
                            let right = b[shape.transposesB ? column * shape.strideB + inner : inner * shape.strideB + column]
                            sum += Double(left) * Double(right)
                        }
                        worst = max(worst, abs(sum - Double(c[place])))
                    }
                }
                #expect(worst < 1e-5 * Double(shape.k).squareRoot() + 1e-6, "\(type(of: product)) \(shape)")
            }
        }
    }

    /// Against sums in float64; what stands between rows is not a number and must not come into a
    /// sum, and the working memory is poisoned.
    @Test(.enabled(if: BFloat16Product.isPossible, "the processor has no bfloat16 instructions"))
    func bfloat16ProductsOfEveryLayoutAreRightAtAwkwardSizes() throws {
        var random = SystemRandomNumberGenerator()
        // Around blocks of 6 rows, panels of 64 columns, pairs, and pieces of 1,024 inner indices.
        let sizes = [
            (1, 1, 1), (2, 3, 1), (5, 16, 2), (6, 17, 3), (7, 63, 31), (12, 64, 33), (13, 65, 63), (61, 127, 67),
            (3, 130, 257), (18, 96, 1_024), (11, 67, 1_025), (7, 33, 2_049), (6, 64, 2_500),
        ]
        for (m, n, k) in sizes {
            for layout in 0..<16 {
                let (transposesA, transposesB) = (layout & 1 != 0, layout & 2 != 0)
                let (givesBfloat16, accumulates) = (layout & 4 != 0, layout & 8 != 0)
                let shape = BlockProductShape(
                    m: m, n: n, k: k, transposesA: transposesA, transposesB: transposesB, strideA: (transposesA ? m : k) + 3,
                    strideB: (transposesB ? k : n) + 5, strideC: n + 2, inputType: .bfloat16,
                    outputType: givesBfloat16 ? .bfloat16 : .float32, accumulates: accumulates)
                let a = matrix(transposesA ? k : m, transposesA ? m : k, shape.strideA, &random)
                let b = matrix(transposesB ? n : k, transposesB ? k : n, shape.strideB, &random)
                let before = (0..<m * shape.strideC).map { _ in Self.upperHalf(Float.random(in: -1...1, using: &random)) }
                let beforeFloats = before.map(Self.number)
                let product = BFloat16Product(shape)
                let scratch = try AlignedMemory(byteCount: product.scratchByteCount)
                memset(scratch.address, 0xff, product.scratchByteCount)
                var results: [Float]
                if givesBfloat16 {
                    var c = before
                    #expect(product.run(a, b, &c, scratch: scratch.address, thread: 0) == 0)
                    results = c.map(Self.number)
                } else {
                    results = beforeFloats
                    #expect(product.run(a, b, &results, scratch: scratch.address, thread: 0) == 0)
                }
                var worst = 0.0
                for row in 0..<m {
                    for column in 0..<shape.strideC {
                        let place = row * shape.strideC + column
                        guard column < n else {
                            #expect(results[place] == beforeFloats[place], "\(shape)")
                            continue
                        }
                        var sum = accumulates ? Double(beforeFloats[place]) : 0
                        for inner in 0..<k {
                            let left = a[transposesA ? inner * shape.strideA + row : row * shape.strideA + inner]
                            let right = b[transposesB ? column * shape.strideB + inner : inner * shape.strideB + column]
                            sum += Double(Self.number(left)) * Double(Self.number(right))
                        }
                        let rounding = givesBfloat16 ? abs(sum) / 256 : 0
                        worst = max(worst, results[place].isNaN ? .infinity : abs(sum - Double(results[place])) - rounding)
                    }
                }
                #expect(worst < 4e-6 * Double(k).squareRoot(), "\(shape)")
            }
        }
    }

    /// An output's bytes do not depend on how many rows and columns are computed with it.
    @Test(.enabled(if: BFloat16Product.isPossible, "the processor has no bfloat16 instructions")) func bfloat16SumsDoNotDependOnTheTile()
        throws
    {
        var random = SystemRandomNumberGenerator()
        let (m, n, k) = (37, 150, 1_300)
        for layout in 0..<4 {
            let (transposesA, transposesB) = (layout & 1 != 0, layout & 2 != 0)
            var shape = BlockProductShape(
                m: m, n: n, k: k, transposesA: transposesA, transposesB: transposesB, strideA: transposesA ? m : k,
                strideB: transposesB ? k : n, strideC: n, inputType: .bfloat16, outputType: .float32, accumulates: false)
            let a = matrix(transposesA ? k : m, shape.strideA, shape.strideA, &random)
            let b = matrix(transposesB ? n : k, shape.strideB, shape.strideB, &random)
            func run(_ top: Int, _ left: Int) throws -> [Float] {
                let product = BFloat16Product(shape)
                let scratch = try AlignedMemory(byteCount: product.scratchByteCount)
                var c = [Float](repeating: .nan, count: m * n)
                a.withUnsafeBufferPointer { a in
                    b.withUnsafeBufferPointer { b in
                        c.withUnsafeMutableBytes { c in
                            guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                            _ = product.run(
                                a + (transposesA ? top : top * k), b + (transposesB ? left * k : left), c, scratch: scratch.address,
                                thread: 0)
                        }
                    }
                }
                return c
            }
            let whole = try run(0, 0)
            let (top, left) = (Int.random(in: 0..<m - 5, using: &random), Int.random(in: 0..<n - 20, using: &random))
            (shape.m, shape.n) = (5, 20)
            let part = try run(top, left)
            for row in 0..<5 {
                for column in 0..<20 {
                    let (small, large) = (part[row * n + column], whole[(top + row) * n + left + column])
                    #expect(small.bitPattern == large.bitPattern)
                }
            }
        }
    }

    private static func upperHalf(_ number: Float) -> UInt16 { UInt16(truncatingIfNeeded: number.bitPattern >> 16) }
    private static func number(_ upperHalf: UInt16) -> Float { Float(bitPattern: UInt32(upperHalf) << 16) }

    /// bfloat16 numbers in rows, with NaN between the rows.
    private func matrix(_ rows: Int, _ columns: Int, _ stride: Int, _ random: inout some RandomNumberGenerator) -> [UInt16] {
        var numbers = [UInt16](repeating: 0x7fc0, count: rows * stride)
        for row in 0..<rows {
            for column in 0..<columns { numbers[row * stride + column] = Self.upperHalf(Float.random(in: -1...1, using: &random)) }
        }
        return numbers
    }

    @Test func tilesCoverEveryOutputOnce() {
        for (m, n, k) in [
            (1, 1, 1), (1024, 576, 576), (16, 576, 1024), (1024, 16, 64), (257, 49152, 576), (512, 896, 4864), (49152, 576, 1024),
            (129, 5000, 700), (700, 3, 100_000), (0, 5, 5), (5, 0, 5),
        ] {
            for preference in [ProductTiles.Preference.none, .wide, .tall] {
                let tiles = ProductTiles(m: m, n: n, k: k, preference)
                if m == 0 || n == 0 {
                    #expect(tiles.count == 0)
                    continue
                }
                #expect((tiles.down - 1) * tiles.height + tiles.lastHeight == m && tiles.lastHeight > 0 && tiles.lastHeight <= tiles.height)
                #expect((tiles.across - 1) * tiles.width + tiles.lastWidth == n && tiles.lastWidth > 0 && tiles.lastWidth <= tiles.width)
            }
        }
    }

    @Test func theSameShapeIsMadeOnce() throws {
        let library = ProductLibrary(threadCount: 2, usesOneDNN: true)
        let shape = Self.shapes[40]
        #expect(library.product(shape) === library.product(shape))
    }
}
