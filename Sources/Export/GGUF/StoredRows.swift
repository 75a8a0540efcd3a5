import Glibc
package import Models
import Storage
package import Tensors

/// The weights of a checkpoint row by row, with an adapter added where one is given: `W + scale * B
/// A` in float32.
package struct StoredRows {
    private struct Addition {
        var module: AdapterModule
        var a: [Float]
        var b: [Float]
        var magnitude: [Float]?
    }
    let checkpoint: Checkpoint
    private let additions: [String: Addition]
    /// Tensors in the place of the checkpoint's.
    private let replacements: [String: [Float]]
    /// Tells these weights from others without reading them all: the checkpoint's files by size and
    /// time, the adapter's matrices by their numbers.
    let fingerprint: String

    /// - Parameters:
    ///   - adapters: what is added.
    ///   - copies: what an adapter has in the place of the checkpoint's.
    ///   - numbers: an adapter's numbers by PEFT key.
    package init(
        _ checkpoint: Checkpoint, adding adapters: [AdapterModule] = [], copies: [AdapterCopy] = [],
        numbers: (String) throws -> [Float] = { _ in [] }
    ) throws {
        self.checkpoint = checkpoint
        var additions: [String: Addition] = [:]
        for module in adapters {
            additions[module.module.name + ".weight"] = Addition(
                module: module, a: try numbers(module.keyOfA), b: try numbers(module.keyOfB),
                magnitude: module.hasMagnitude ? try numbers(module.keyOfMagnitude) : nil)
        }
        self.additions = additions
        let replacements = try Dictionary(copies.map { ($0.name, try numbers($0.key)) }) { first, _ in first }
        self.replacements = replacements
        fingerprint = Self.fingerprint(checkpoint, additions, replacements)
    }

    private static func fingerprint(
        _ checkpoint: Checkpoint, _ additions: [String: Addition], _ replacements: [String: [Float]]
    ) -> String {
        let digest = SHA256()
        func add(_ text: String) { Array(text.utf8).withUnsafeBytes { digest.update($0) } }
        for path in checkpoint.files {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            add("\(path) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\n")
        }
        for (name, addition) in additions.sorted(by: { $0.key < $1.key }) {
            add("\(name) \(addition.module.scale)\n")
            for numbers in [addition.a, addition.b, addition.magnitude ?? []] { numbers.withUnsafeBytes { digest.update($0) } }
        }
        for (name, numbers) in replacements.sorted(by: { $0.key < $1.key }) {
            add("\(name)\n")
            numbers.withUnsafeBytes { digest.update($0) }
        }
        return digest.finish()
    }

    /// Puts a row of a tensor at a place; of a vector a row is one number.
    /// - Parameter isTurned: whether checkpoints have the matrix the other way round.
    func copy(_ tensor: StoredTensor, row: Int, columns: Int, isTurned: Bool = false, to target: UnsafeMutablePointer<Float>) {
        if let numbers = replacements[tensor.name] {
            let (rowStep, columnStep) = isTurned ? (1, tensor.shape[0]) : (columns, 1)
            for column in 0..<columns { target[column] = numbers[row * rowStep + column * columnStep] }
            return
        }
        tensor.read(row * columns..<(row + 1) * columns, into: target)
        guard let addition = additions[tensor.name] else { return }
        let (rank, scale) = (addition.module.rank, Float(addition.module.scale))
        if addition.module.module.isEmbedding {
            // A row is a token's: B times a column of A.
            let tokens = addition.module.module.inputs
            for index in 0..<rank {
                let factor = scale * addition.a[index * tokens + row]
                if factor == 0 { continue }
                for column in 0..<columns { target[column] += factor * addition.b[column * rank + index] }
            }
            return
        }
        addition.a.withUnsafeBufferPointer { a in
            for index in 0..<rank {
                let factor = scale * addition.b[row * rank + index]
                if factor == 0 { continue }
                for column in 0..<columns { target[column] += factor * a[index * columns + column] }
            }
        }
        if let magnitude = addition.magnitude { RowLength.set(magnitude[row], of: target, count: columns) }
    }
}
