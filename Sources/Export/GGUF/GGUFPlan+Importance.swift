package import GGUF
package import GGUFModels

extension GGUFPlan {
    /// The same with the blocks of matrices chosen by what errors in their columns count.
    ///
    /// Embedding and head may be missing: llama.cpp's files have neither. An expert that no token
    /// chose is rounded as without.
    /// - Throws: ``GGUFError`` where the type is not rounded so, or where the figures are those of
    ///   another model.
    package func weighted(by importance: ImportanceMatrix) throws(GGUFError) -> GGUFPlan {
        guard mix.main.mindsWeights else {
            let types = GGUFMix.allCases.filter(\.main.mindsWeights).map(\.rawValue).joined(separator: ", ")
            throw GGUFError("an importance matrix is of \(types): the type \(mix.rawValue) is rounded to the nearest")
        }
        var plan = self
        var idle = 0
        for (index, part) in parts.enumerated() where part.tensor.type.mindsWeights {
            let name = part.tensor.name
            guard let entry = importance.entries[name] else {
                guard name.hasPrefix("blk.") else { continue }
                throw GGUFError("the importance matrix says nothing of \(name): it is of another model, or not whole")
            }
            let columns = part.tensor.shape.last ?? 0
            guard entry.columns == columns, entry.counts.count == part.sources.count else {
                throw GGUFError(
                    "the importance matrix is of another model: \(name) has \(part.sources.count) x \(columns) columns, and there "
                        + "\(entry.counts.count) x \(entry.columns)")
            }
            plan.parts[index].weights = part.sources.indices.map { importance.weights(of: name, matrix: $0) }
            idle += plan.parts[index].weights.count { $0 == nil }
        }
        if idle > 0 {
            plan.remarks.append(
                "\(idle) matrices of experts are rounded without an importance matrix: no token of the texts chose them")
        }
        plan.importanceFingerprint = importance.fingerprint
        // In front of the tokenizer, where the quantiser of llama.cpp has them, too.
        let place = metadata.firstIndex { $0.0.hasPrefix("tokenizer.") } ?? metadata.count
        plan.metadata.insert(contentsOf: importance.metadata, at: place)
        return plan
    }

    /// An importance matrix of sums by the names that weights have in the checkpoint.
    /// - Parameter texts: of the model.
    /// - Throws: ``GGUFError`` where a GGUF file cannot hold such a model.
    package static func importance(
        _ sums: [String: (squares: [Float], rowCount: Int)], _ texts: GGUFTexts, sources: [String], pieceCount: Int, pieceLength: Int
    ) throws(GGUFError) -> ImportanceMatrix {
        let architecture = try GGUFArchitecture(texts.configuration)
        var entries: [String: ImportanceMatrix.Entry] = [:]
        var experts: [String: [Int: (squares: [Float], rowCount: Int)]] = [:]
        for (name, sum) in sums {
            if let (file, expert) = architecture.expert(of: name) {
                experts[file, default: [:]][expert] = sum
            } else if let target = try architecture.target(of: name) {
                entries[target.name] = ImportanceMatrix.Entry(sums: sum.squares, counts: [Float(sum.rowCount)])
            }
        }
        for (file, all) in experts {
            let own = (0..<architecture.expertCount).compactMap { all[$0] }
            guard own.count == architecture.expertCount else { continue }
            entries[file] = ImportanceMatrix.Entry(sums: own.flatMap(\.squares), counts: own.map { Float($0.rowCount) })
        }
        return ImportanceMatrix(entries: entries, sources: sources, pieceCount: pieceCount, pieceLength: pieceLength)
    }
}
