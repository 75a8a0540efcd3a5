package import Storage

/// How much errors in the columns of a model's matrices count: the mean square of what each column
/// is multiplied by, over some texts. Errors of a product's columns add up independently, so that
/// its square error is about the sum of `importance * error²`.
///
/// Matrices have the names of their tensors in GGUF files. llama.cpp keeps the same in files of its
/// own (`llama-imatrix`), which ``save(to:)`` makes.
package struct ImportanceMatrix: Sendable, Hashable {
    /// Of one tensor: of several matrices where it holds those of all experts of a layer.
    package struct Entry: Sendable, Hashable {
        /// `[matrices, columns]`: sums of squares.
        package var sums: [Float]
        /// Rows that each matrix was multiplied by.
        package var counts: [Float]

        package init(sums: [Float], counts: [Float]) { (self.sums, self.counts) = (sums, counts) }

        /// Columns of each matrix.
        package var columns: Int { counts.isEmpty ? 0 : sums.count / counts.count }
    }
    package var entries: [String: Entry]
    /// What the texts are called.
    package var sources: [String]
    /// How many pieces of text there were, and tokens in each.
    package var pieceCount: Int
    package var pieceLength: Int

    package init(entries: [String: Entry], sources: [String], pieceCount: Int, pieceLength: Int) {
        (self.entries, self.sources, self.pieceCount, self.pieceLength) = (entries, sources, pieceCount, pieceLength)
    }

    /// A column that was hardly ever multiplied by anything counts at least this part of the middle
    /// one: other texts may use it.
    private static let leastPart: Float = 0.01

    /// What the columns of one matrix count; nil where nothing is known of it, as of an expert that
    /// no token has chosen.
    package func weights(of name: String, matrix: Int = 0) -> [Float]? {
        guard let entry = entries[name], entry.counts.indices.contains(matrix), entry.counts[matrix] > 0 else { return nil }
        let sums = entry.sums[matrix * entry.columns..<(matrix + 1) * entry.columns]
        let largest = sums.max() ?? 0
        guard largest > 0 else { return nil }
        // In parts of the largest: only their ratios count, and squares of these stay numbers.
        let parts = sums.map { $0 / largest }
        let least = max(Self.leastPart * parts.sorted()[parts.count / 2], 1e-12)
        return parts.map { max($0, least) }
    }

    /// Tells it from others.
    package var fingerprint: String {
        let digest = SHA256()
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            Array(name.utf8).withUnsafeBytes { digest.update($0) }
            for numbers in [entry.sums, entry.counts] { numbers.withUnsafeBytes { digest.update($0) } }
        }
        return digest.finish()
    }

    /// What a model's file says of it, as llama.cpp's quantiser does.
    package var metadata: [(String, GGUFValue)] {
        [
            ("quantize.imatrix.dataset", .string(sources.joined(separator: ", "))),
            ("quantize.imatrix.entries_count", .uint32(entries.count)), ("quantize.imatrix.chunks_count", .uint32(pieceCount)),
        ]
    }

    /// Writes it as a file of the kind `imatrix`, which `llama-quantize` reads: for each tensor
    /// `NAME.in_sum2` `[matrices, columns]` and `NAME.counts` `[matrices, 1]` in float32.
    /// - Throws: ``StorageError``.
    package func save(to path: String) throws(StorageError) {
        let metadata: [(String, GGUFValue)] = [
            ("general.type", .string("imatrix")), ("imatrix.datasets", .strings(sources)),
            ("imatrix.chunk_count", .uint32(pieceCount)), ("imatrix.chunk_size", .uint32(pieceLength)),
        ]
        let all = entries.sorted { $0.key < $1.key }
        let tensors = all.flatMap { name, entry in
            [
                GGUFWriter.Tensor(name: name + ".in_sum2", shape: [entry.counts.count, entry.columns], type: .f32),
                GGUFWriter.Tensor(name: name + ".counts", shape: [entry.counts.count, 1], type: .f32),
            ]
        }
        let writer = try GGUFWriter(path, metadata: metadata, tensors: tensors, sources: fingerprint)
        let numbers = all.flatMap { [$0.value.sums, $0.value.counts] }
        for part in numbers[writer.next...] {
            var problem: StorageError?
            part.withUnsafeBufferPointer { buffer in
                do throws(StorageError) { try writer.append(buffer) } catch { problem = error }
            }
            if let problem { throw problem }
        }
        try writer.finish()
    }
}
