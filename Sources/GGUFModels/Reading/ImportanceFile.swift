package import GGUF
import Storage

/// Files in which llama.cpp keeps an importance matrix (`llama-imatrix`, `general.type` is
/// `imatrix`): for each tensor of a model `NAME.in_sum2` and `NAME.counts` in float32.
package enum ImportanceFile {
    private static let (sums, counts) = (".in_sum2", ".counts")

    /// - Throws: ``GGUFFault`` naming the key or tensor that is missing or wrong.
    package static func read(_ path: String) throws(GGUFFault) -> ImportanceMatrix {
        try matrix(GGUFFile(path: path))
    }

    /// - Parameter file: mapped, or made of bytes that are still there.
    static func matrix(_ file: GGUFFile) throws(GGUFFault) -> ImportanceMatrix {
        let metadata = file.metadata
        guard let type = try metadata.text("general.type"), type == "imatrix" else {
            throw metadata.fault("general.type", "is not imatrix: the file holds no importance matrix")
        }
        let tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
        var entries: [String: ImportanceMatrix.Entry] = [:]
        for tensor in file.tensors {
            guard let name = title(tensor.name, counts) ?? title(tensor.name, sums) else {
                throw fault(file, tensor.name, "is neither sums (\(sums)) nor counts (\(counts))")
            }
            guard tensor.name == name + sums else {
                guard tensors[name + sums] != nil else { throw fault(file, tensor.name, "stands alone: \(sums) is missing") }
                continue
            }
            guard let counted = tensors[name + counts] else { throw fault(file, tensor.name, "stands alone: \(counts) is missing") }
            let (numbers, rows) = (try self.numbers(tensor, file), try self.numbers(counted, file))
            let matrices = tensor.shape.dropLast().reduce(1, *)
            guard rows.count == matrices else {
                throw fault(file, counted.name, "has \(rows.count) numbers, and there are sums of \(matrices) matrices")
            }
            entries[name] = ImportanceMatrix.Entry(sums: numbers, counts: rows)
        }
        guard !entries.isEmpty else { throw GGUFFault(path: file.path, "holds no figures of any matrix") }
        return ImportanceMatrix(
            entries: entries, sources: try metadata.texts("imatrix.datasets") ?? [],
            pieceCount: try metadata.integer("imatrix.chunk_count", in: 0...Int(UInt32.max)) ?? 0,
            pieceLength: try metadata.integer("imatrix.chunk_size", in: 0...Int(UInt32.max)) ?? 0)
    }

    private static func fault(_ file: GGUFFile, _ name: String, _ message: String) -> GGUFFault {
        GGUFFault(path: file.path, field: GGUFFault.shown(name), message)
    }

    private static func title(_ name: String, _ ending: String) -> String? {
        name.hasSuffix(ending) && name.count > ending.count ? String(name.dropLast(ending.count)) : nil
    }

    private static func numbers(_ tensor: GGUFFile.Tensor, _ file: GGUFFile) throws(GGUFFault) -> [Float] {
        guard tensor.type.name == "F32", let bytes = file.file?.bytes else {
            throw fault(file, tensor.name, "is stored as \(tensor.type.name), and F32 is expected")
        }
        let count = tensor.place.count / 4
        let numbers = (0..<count).map {
            Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: tensor.place.lowerBound + 4 * $0, as: UInt32.self)))
        }
        guard numbers.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw fault(file, tensor.name, "holds a number that no sum of squares can be (negative, infinite or NaN)")
        }
        return numbers
    }
}
