import Graph
import Profiling
import Tensors
import Testing
import Worker

/// Estimates for cards that are not there.
@Suite struct RooflineTests {
    static func reference(_ rows: Int, _ columns: Int, _ type: ElementType) -> TensorReference {
        TensorReference(space: .transient, block: 0, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: type)
    }
    static func plan(_ operation: any Operation, _ inputs: [TensorReference], _ outputs: [TensorReference], count: Int = 1) -> Plan {
        let call = KernelCall(operation: operation, inputs: inputs, outputs: outputs, node: 0)
        return Plan(
            calls: Array(repeating: call, count: count), transientBlocks: [], exchangeBlocks: [], inputs: [:], outputs: [:], cost: .zero)
    }

    @Test(arguments: CardProfile.all) func aLargeProductTakesItsArithmeticAndAnAdditionItsTraffic(_ card: CardProfile) {
        let size = 8192
        let product = RooflineEstimate(
            Self.plan(
                MatrixProduct(), [Self.reference(size, size, .float32), Self.reference(size, size, .float32)],
                [Self.reference(size, size, .float32)]), on: card)
        #expect(abs(product.seconds * card.floatOperationsPerSecond / (2 * 8192.0 * 8192 * 8192) - 1) < 1e-9)
        #expect(product.parts.first?.arithmeticShare == 1)
        let sum = RooflineEstimate(
            Self.plan(
                Add(), [Self.reference(size, size, .float32), Self.reference(size, size, .float32)], [Self.reference(size, size, .float32)],
                count: 3),
            on: card)
        #expect(abs(sum.seconds * card.bytesPerSecond / (9 * 4 * 8192.0 * 8192) - 1) < 1e-9)
        #expect(sum.parts.first?.calls == 3)
        #expect(sum.parts.first?.arithmeticShare == 0)
    }

    @Test func matrixUnitsCountForFloat16Only() throws {
        let card = try #require(CardProfile.named("H100"))
        let seconds = { (type: ElementType) in
            RooflineEstimate(
                Self.plan(
                    MatrixProduct(outputType: type), [Self.reference(4096, 4096, type), Self.reference(4096, 4096, type)],
                    [Self.reference(4096, 4096, type)]), on: card
            ).seconds
        }
        #expect(seconds(.float32) > 10 * seconds(.float16))
        #expect(seconds(.bfloat16) == seconds(.float32))
    }

    @Test func aProfileComputesNothing() throws {
        let card = try #require(CardProfile.named("rx-6800"))
        let device = ProfiledDevice(card)
        #expect(throws: (any Error).self) { _ = try device.makeArena(blocks: [16]) }
        #expect(CardProfile.named("voodoo-2") == nil)
        #expect(Set(CardProfile.all.map(\.key)).count == CardProfile.all.count)
    }
}
