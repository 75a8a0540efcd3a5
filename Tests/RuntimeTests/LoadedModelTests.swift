import CPUBackend
import Graph
import Models
import Runtime
import Tensors
import Testing

@Suite struct LoadedModelTests {
    @Test func whatIsKeptBesideTheModelBeginsAsZerosAndTheWeightsDoNot() throws {
        let model = try SmallModel.make(SmallModel.adapted)
        let cache = PersistentTensor(key: "cache/own", type: TensorType(rows: 3, columns: 5, .float32), kind: .cache)
        let loaded = try LoadedModel(model, on: try CPUDevice(), keeping: [.gradient], with: [cache])
        #expect(try model.read("cache/own", loaded.memory) == Array(repeating: 0, count: 15))
        let parameter = try #require(model.trainables.parameters.first)
        let gradient = try #require(model.trainables.tensor(of: parameter.key, .gradient))
        #expect(try model.read(gradient.key, loaded.memory).allSatisfy { $0 == 0 })
        #expect(try model.read("model.norm.weight", loaded.memory).allSatisfy { $0 == 1 })
        #expect(try model.read(parameter.key, loaded.memory).contains { $0 != 0 })
    }

    @Test func theLayoutIsKnownBeforeAnythingIsAllocated() throws {
        let model = try SmallModel.make(.full)
        let device = try CPUDevice()
        let loaded = try LoadedModel(model, on: device, keeping: [.gradient])
        let planned = try model.layout(within: device.limits, keeping: [.gradient])
        #expect(planned.placements == loaded.memory.layout.placements)
        #expect(planned.blocks == loaded.memory.layout.blocks)
    }

    @Test func aCacheHasKeysAndValuesOfEachLayer() throws {
        let shape = GenerationShape(pageCount: 3, sequenceCount: 2, pagesPerSequence: 2, cacheType: .float16)
        let tensors = try SmallModel.make(.nothing).generationTensors(shape)
        #expect(tensors.count == 4)
        #expect(tensors.allSatisfy { $0.kind == .cache && $0.type == TensorType(rows: 96, columns: 16, .float16) })
    }
}
