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
            var products: [BlockProduct] = [try library.product(shape), SIMDProduct(shape)]
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
        #expect(try library.product(shape) === library.product(shape))
    }
}
