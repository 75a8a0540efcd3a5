import Basics
import Manifest
import Tokenization

/// Which linear layers get an adapter, and whether the embedding does.
extension AdapterSettings {
    private static func failure(_ key: String, _ message: String) -> ModelError {
        ModelError(file: "manifest", field: "adapter.\(key)", message)
    }

    /// The linear layers that the settings name, in the layers' order.
    /// - Throws: ``ModelError`` if a word of theirs names none, or none is left.
    func chosen(of linears: [LinearModule]) throws(ModelError) -> [LinearModule] {
        var chosen = try Self.named(targets, of: linears, "target_modules")
        if let excluded {
            let without = Set(try Self.named(excluded, of: linears, "exclude_modules"))
            chosen.removeAll { without.contains($0) }
            if chosen.isEmpty { throw Self.failure("exclude_modules", "leaves out every module that target_modules names") }
        }
        guard let layers else { return chosen }
        let known = Set(chosen.compactMap(\.layer))
        if let odd = layers.first(where: { !known.contains($0) }) {
            let numbers = known.sorted()
            throw Self.failure(
                "layers_to_transform",
                "names the layer \(odd); those with modules of target_modules are "
                    + (numbers.isEmpty ? "none" : "\(numbers[0]) to \(numbers[numbers.count - 1])"))
        }
        return chosen.filter { $0.layer.map(layers.contains) ?? false }
    }

    private static func named(_ targets: Targets, of linears: [LinearModule], _ key: String) throws(ModelError) -> [LinearModule] {
        switch targets {
        // Experts are many, and PEFT does not count them among a model's linear layers.
        case .allLinear: return linears.filter { !$0.isEmbedding && !$0.isExpert }
        case .pattern(let expression):
            guard let pattern = NamePattern(expression) else {
                throw failure(key, "\"\(expression)\" is a regular expression that is not understood")
            }
            let matching = linears.filter { pattern.matches($0.name) }
            if matching.isEmpty {
                throw failure(
                    key,
                    "\"\(expression)\" matches no linear layer: it has to match a whole name, such as "
                        + (linears.first?.name ?? "model.layers.0.self_attn.q_proj"))
            }
            return matching
        case .names(let names):
            var wanted: Set<LinearModule> = []
            for name in names {
                let matching = linears.filter { $0.name == name || $0.name.hasSuffix("." + name) }
                if matching.isEmpty {
                    let known = Set(linears.map(\.shortName)).sorted()
                    let nearest = known.min { EditDistance.between($0, name) < EditDistance.between($1, name) }
                    throw failure(
                        key,
                        "the model has no linear layer \"\(name)\"" + (nearest.map { "; did you mean \($0)?" } ?? "")
                            + " Its linear layers are \(known.joined(separator: ", "))")
                }
                wanted.formUnion(matching)
            }
            return linears.filter { wanted.contains($0) }
        }
    }

    /// Looks whether every expression of other ranks and alphas is for some module.
    /// - Throws: ``ModelError`` naming the expression that does nothing.
    package func requirePatterns(on linears: [LinearModule]) throws(ModelError) {
        let modules = try chosen(of: linears)
        for (key, exceptions) in [("rank_pattern", rankExceptions), ("alpha_pattern", alphaExceptions)] {
            for exception in exceptions where !modules.contains(where: { exception.matches($0.name) }) {
                throw Self.failure(
                    key,
                    exception.pattern == nil
                        ? "\"\(exception.expression)\" is a regular expression that is not understood"
                        : "\"\(exception.expression)\" matches no module with an adapter: it has to match the end of a name, behind a dot, "
                            + "such as "
                            + (modules.first.map { $0.name.split(separator: ".").suffix(2).joined(separator: ".") } ?? "q_proj"))
            }
        }
    }
}
