import Models
import Tensors

/// The tensors of a checkpoint that are written as files of their family have them, though the
/// model has taken them apart.
struct JoinedExport {
    private let joined: [(tensor: JoinedTensor, type: ElementType)]
    private let left: Set<String>
    /// Whether what the base has quantised is written as numbers: its configuration must not say
    /// any more that it is.
    let dequantises: Bool

    /// What is joined of a tuned model's tensors. Where nothing of what the base has quantised has
    /// changed, it is written as it is; else all of it as numbers, since a configuration says
    /// either of all.
    init(_ model: LanguageModel, _ base: Checkpoint) {
        let whole = model.joinedTensors.filter { $0.parts.allSatisfy { part in base.tensors[part.name] != nil } }
        let adapted = Set(model.adapters.map { $0.module.name + ".weight" })
        func isQuantised(_ tensor: JoinedTensor) -> Bool { base.tensors[tensor.name + "_blocks"] != nil }
        let changed = whole.contains { tensor in
            isQuantised(tensor) && tensor.parts.contains { adapted.contains($0.name) || model.trainedKey(of: $0.name) != nil }
        }
        var (joined, left): ([(tensor: JoinedTensor, type: ElementType)], Set<String>) = ([], [])
        for tensor in whole {
            left.formUnion(tensor.parts.map(\.name))
            if isQuantised(tensor) {
                guard changed else { continue }
                left.formUnion([tensor.name + "_blocks", tensor.name + "_scales"])
            }
            joined.append((tensor, tensor.parts.first.flatMap { base.tensors[$0.name]?.elementType } ?? .float32))
        }
        (self.joined, self.left, dequantises) = (joined, left, changed)
    }

    /// What is joined of a model that was trained from nothing.
    init(_ model: LanguageModel, _ type: ElementType) {
        joined = model.joinedTensors.map { ($0, type) }
        left = Set(model.joinedTensors.flatMap { $0.parts.map(\.name) })
        dequantises = false
    }

    /// Whether a tensor is not written under its own name.
    func leavesOut(_ name: String) -> Bool { left.contains(name) }

    var entries: [SafetensorsWriter.Entry] {
        joined.map { .init(name: $0.tensor.name, shape: $0.tensor.shape, elementType: $0.type) }
    }

    /// Gives the numbers of the entries in their order, a slice at a time.
    /// - Parameter part: gives the numbers of a part by its name.
    func forEachSlice(_ part: (String) throws -> [Float], _ body: ([Float], ElementType) throws -> Void) throws {
        for (tensor, type) in joined {
            var slice = [Float](repeating: 0, count: tensor.sliceElementCount)
            for parts in tensor.slices {
                for own in parts {
                    let numbers = try part(own.name)
                    for element in 0..<min(numbers.count, own.elementCount) { slice[own.place(of: element)] = numbers[element] }
                }
                try body(slice, type)
            }
        }
    }
}
