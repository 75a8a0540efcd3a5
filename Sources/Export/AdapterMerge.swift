import Graph
import Manifest
package import Models
import Storage
import Tensors

/// Several adapters of one model as one, whose part of a layer is the sum of theirs, each times a
/// weight: `A = [A₁; A₂; ...]`, `B = [w₁ s₁ B₁, w₂ s₂ B₂, ...]`, with the scale 1.
///
/// The sum is exact, as PEFT's `combination_type="cat"`: ranks add up, nothing is decomposed anew.
package struct AdapterMerge {
    /// One of them.
    package struct Part {
        package var modules: [AdapterModule]
        /// Its matrices by their keys.
        package var numbers: (String) throws -> [Float]
        package var weight: Double

        package init(modules: [AdapterModule], weight: Double, numbers: @escaping (String) throws -> [Float]) {
            (self.modules, self.weight, self.numbers) = (modules, weight, numbers)
        }
    }

    /// The layers that any of them sits on, in the model's order, with what sits there.
    private let sums: [(module: LinearModule, terms: [(part: Part, adapter: AdapterModule)])]
    /// The adapter's own settings.
    package let settings: AdapterSettings

    /// The highest rank that an adapter's folder may have.
    private static let rankLimit = 4096

    /// - Parameter linears: the model's linear layers.
    /// - Throws: ``ModelError`` where a sum of ranks is too large.
    package init(_ parts: [Part], on linears: [LinearModule]) throws(ModelError) {
        let byName = parts.map { part in Dictionary(part.modules.map { ($0.module.name, $0) }) { first, _ in first } }
        var sums: [(module: LinearModule, terms: [(part: Part, adapter: AdapterModule)])] = []
        for linear in linears {
            var terms: [(part: Part, adapter: AdapterModule)] = []
            for (part, modules) in zip(parts, byName) { if let adapter = modules[linear.name] { terms.append((part, adapter)) } }
            if !terms.isEmpty { sums.append((linear, terms)) }
        }
        self.sums = sums
        let ranks = sums.map { sum in sum.terms.reduce(0) { $0 + $1.adapter.rank } }
        let largest = ranks.max() ?? 1
        guard largest <= Self.rankLimit else {
            throw ModelError(
                file: "adapters", field: "rank", "add up to \(largest), and \(Self.rankLimit) is the most that an adapter may have")
        }
        var settings = AdapterSettings(rank: largest, alpha: Double(largest), targets: .names(sums.map(\.module.name)))
        // Ranks that are others: of all layers with a short name, or of single ones.
        let known = zip(sums, ranks).filter { $1 != largest }
        for name in Set(known.map(\.0.module.shortName)).sorted() {
            let same = zip(sums, ranks).filter { $0.0.module.shortName == name }
            let entries =
                Set(same.map(\.1)).count == 1 ? [(name, same[0].1)] : same.filter { $0.1 != largest }.map { ($0.0.module.name, $0.1) }
            for (expression, rank) in entries {
                settings.rankExceptions.append(.init(expression, Double(rank)))
                settings.alphaExceptions.append(.init(expression, Double(rank)))
            }
        }
        self.settings = settings
    }

    /// The layers that the adapter sits on, and the rank of the one that has the most.
    package var moduleCount: Int { sums.count }
    package var rank: Int { settings.rank }

    /// Writes the adapter as PEFT saves one.
    /// - Parameters:
    ///   - model: with an adapter of ``settings``.
    ///   - generation: a `generation_config.json` that belongs to it.
    package func write(_ model: LanguageModel, baseName: String, generation: [UInt8]?, to folder: String) throws {
        var writer = try SafetensorsWriter(
            path: folder + "/adapter_model.safetensors",
            entries: model.trainables.parameters.map { .init(name: $0.key, shape: $0.shape, elementType: .float32) })
        for (module, terms) in sums {
            var a: [Float] = []
            for term in terms { a += try term.part.numbers(term.adapter.keyOfA) }
            try a.withUnsafeBytes { try writer.append($0) }
            let columns = try terms.map { term in
                let factor = Float(term.part.weight * term.adapter.scale)
                return try term.part.numbers(term.adapter.keyOfB).map { factor * $0 }
            }
            var b: [Float] = []
            for row in 0..<module.outputs {
                for (term, numbers) in zip(terms, columns) { b += numbers[row * term.adapter.rank..<(row + 1) * term.adapter.rank] }
            }
            try b.withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
        try AdapterExport.writeConfiguration(model, baseName: baseName, isPlain: true, to: folder)
        if let generation { try TunedModel.write(generation, to: folder + "/generation_config.json") }
    }
}
