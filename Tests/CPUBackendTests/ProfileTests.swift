import Profiling
import Tensors
import Testing

@testable import CPUBackend
@testable import Graph

@Suite struct ProfileTests {
    @Test func peaksOfAProcessorAreMeasuredForEachType() throws {
        let device = try CPUDevice(threadCount: 1)
        let peaks = try DevicePeaks.measured(on: device, types: [.float32, .bfloat16, .float16], secondsPerKernel: 0.01)
        #expect(Set(peaks.operationsPerSecond.keys) == [.float32, .bfloat16])
        #expect(peaks.operationsPerSecond(.float32) > 1e8)
        #expect(peaks.operationsPerSecond(.float16) == peaks.operationsPerSecond(.float32))
        #expect(peaks.bytesPerSecond > 1e8)
    }

    @Test func aProfileSumsCallsByKindAndHoldsThemAgainstTheFloor() throws {
        let peaks = DevicePeaks(operationsPerSecond: [.float32: 1e9], bytesPerSecond: 1e9)
        func reference(_ rows: Int, _ columns: Int) -> TensorReference {
            TensorReference(
                space: .transient, block: 0, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: .float32)
        }
        let product = KernelCall(
            operation: MatrixProduct(), inputs: [reference(10, 100), reference(100, 20)], outputs: [reference(10, 20)], node: 0)
        let sum = KernelCall(operation: Add(), inputs: [reference(5, 5), reference(5, 5)], outputs: [reference(5, 5)], node: 1)
        let plan = Plan(
            calls: [product, sum, product], transientBlocks: [1 << 16], exchangeBlocks: [], inputs: [:], outputs: [:], cost: .zero)
        let profile = ExecutionProfile(plan, seconds: [1e-3, 1e-6, 2e-3], peaks: peaks)
        try #require(profile.entries.map(\.name) == ["MatrixProduct", "Add"])
        let entry = profile.entries[0]
        #expect(entry.calls == 2 && abs(entry.seconds - 3e-3) < 1e-12)
        #expect(entry.cost.floatingPointOperations == 80_000.0)
        // 40,000 operations take longer than 12,800 bytes: the floor is 40 microseconds a call.
        #expect(abs(entry.floorSeconds - 2 * 40e-6) < 1e-12)
        #expect(abs(entry.distance - 3e-3 / 80e-6) < 1e-6)
        #expect(abs(entry.operationsPerSecond - 80_000 / 3e-3) < 1)
        #expect(abs(profile.entries[1].floorSeconds - 300e-9) < 1e-15)
        #expect(ExecutionProfile(plan, seconds: [1, 1, 1], peaks: peaks, separatesShapes: true).entries[0].detail.contains("[10, 100]"))
    }

    @Test func theCostOfAttentionCountsThePairsThatSeeEachOther() throws {
        let shape = AttentionShape(headCount: 2, keyValueHeadCount: 1, headWidth: 8, scale: 1)
        func reference(_ columns: Int, _ type: ElementType = .float32) -> TensorReference {
            TensorReference(space: .transient, block: 0, byteOffset: 0, rows: 64, columns: columns, rowStride: columns, elementType: type)
        }
        let call = KernelCall(
            operation: Attention(shape), inputs: [reference(16), reference(8), reference(8), reference(2, .int32)],
            outputs: [reference(16), reference(2)], node: 0)
        let whole = call.cost(visiblePairs: nil)
        #expect(call.cost(visiblePairs: 512).floatingPointOperations == whole.floatingPointOperations / 4)
        #expect(call.cost(visiblePairs: 512).bytesRead == whole.bytesRead)
    }
}
