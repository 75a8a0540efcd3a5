package import Graph
import Models
package import Runtime
import Storage
import Tensors

/// A teacher's head over the vocabulary in a student's memory: with the teacher's hidden states it
/// gives the logits, a chunk of rows at a time.
package struct TeacherHead: Sendable {
    /// `[vocabulary, features]`, frozen.
    package let weight: PersistentTensor
    /// `[1, vocabulary]`, where the head has one.
    package let bias: PersistentTensor?
    /// Logits become `softCap * tanh(logits / softCap)` where this is not 0.
    package let softCap: Float
    private let stored: [(tensor: StoredTensor, title: String, key: String)]

    /// - Parameters:
    ///   - type: in which the weight lies in the student's memory.
    ///   - softCap: of the teacher's logits; 0: none.
    init(_ checkpoint: Checkpoint, weight name: String, _ type: TensorType, bias biasName: String?, softCap: Float) throws(ModelError) {
        func stored(_ name: String) throws(ModelError) -> StoredTensor {
            guard let tensor = checkpoint.tensors[name] else {
                throw ModelError(file: checkpoint.folder, field: checkpoint.title(of: name), "is not in the checkpoint")
            }
            return tensor
        }
        let head = try stored(name)
        guard head.shape == [type.rows, type.columns] else {
            throw ModelError(
                file: head.file.path, field: checkpoint.title(of: name),
                "has the shape \(head.shape), config.json's model needs \([type.rows, type.columns])")
        }
        weight = PersistentTensor(key: "teacher/head", type: type, kind: .weight)
        var all = [(tensor: head, title: checkpoint.title(of: name), key: "teacher/head")]
        var bias: PersistentTensor?
        if let biasName {
            let tensor = try stored(biasName)
            bias = PersistentTensor(
                key: "teacher/bias", type: TensorType(rows: 1, columns: type.rows, tensor.elementType), kind: .weight)
            all.append((tensor, checkpoint.title(of: biasName), "teacher/bias"))
        }
        (self.bias, self.softCap, self.stored) = (bias, softCap, all)
    }

    /// What a student keeps of it.
    package var tensors: [PersistentTensor] { [weight] + (bias.map { [$0] } ?? []) }

    /// Puts it into the student's memory.
    /// - Throws: ``ModelError`` if it holds a NaN or an infinity, and what the memory throws.
    package func fill(_ student: LoadedModel) throws {
        for (tensor, title, key) in stored {
            try LanguageModel.requireFinite(tensor, title)
            try student.model.write(tensor, key, student.memory)
        }
    }

    /// Adds the logits of rows of the teacher's hidden states, without a cap: `[rows, vocabulary]`
    /// float32.
    func addLogits(of rows: ValueID, to graph: inout Graph) throws(GraphError) -> ValueID {
        let product = try graph.add(MatrixProduct(transposesB: true), [rows, graph.persistent(weight)], names: ["guide logits"])[0]
        guard let bias else { return product }
        return try graph.add(BiasAdd(), [product, graph.persistent(bias)], names: ["guide logits"])[0]
    }
}
