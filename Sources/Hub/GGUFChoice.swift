import Storage
import Tensors

/// The models in GGUF files that a repository offers, of which one is meant.
struct GGUFChoice {
    struct Model: Hashable {
        /// What distinguishes it: its file's name without ending and number of the part.
        var name: String
        /// All its parts in their order, under the names that the repository has for them.
        var files: [HubListing.File]

        var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }
    }

    /// By their names.
    let models: [Model]

    /// - Parameter files: of the whole repository. What lies in its folders counts too: large
    ///   models have one for their parts.
    init(_ files: [HubListing.File]) {
        var found: [String: [(base: String, number: Int, count: Int, file: HubListing.File)]] = [:]
        for file in files {
            let name = DurableFiles.split("/" + file.name).name
            guard GGUFNames.mayBeModel(name) else { continue }
            let part = GGUFNames.part(name) ?? (String(name.dropLast(GGUFNames.ending.count)), 1, 1)
            // Parts in two folders are two models.
            found[file.name.dropLast(name.utf8.count) + part.base, default: []].append((part.base, part.number, part.count, file))
        }
        models = found.values.compactMap { parts -> Model? in
            let sorted = parts.sorted { $0.number < $1.number }
            // A model of which a part is missing is of no use.
            guard let first = sorted.first, sorted.map(\.number) == Array(1...first.count) else { return nil }
            return Model(name: first.base, files: sorted.map(\.file))
        }.sorted { ($0.byteCount, $0.name) < ($1.byteCount, $1.name) }
    }

    /// - Parameter variant: a file's name or its end, as `Q4_K_M`, in any case; nil: there is only
    ///   one.
    /// - Throws: ``HubError/variant(_:_:choices:)`` with what there is.
    func model(_ variant: String?, of repository: String) throws(HubError) -> Model {
        let found = variant.map { variant in models.filter { $0.isCalled(variant) } } ?? models
        guard found.count == 1 else {
            let choices = models.map { HubError.Variant(name: $0.name, byteCount: $0.byteCount) }
            throw HubError.variant(variant, repository, choices: choices)
        }
        return found[0]
    }
}

extension GGUFChoice.Model {
    /// `Model-Q4_K_M` is meant by its whole name and by what stands behind a `-` or a point.
    func isCalled(_ variant: String) -> Bool {
        let (name, variant) = (name.lowercased(), variant.lowercased())
        let wanted = variant.hasSuffix(GGUFNames.ending) ? String(variant.dropLast(GGUFNames.ending.count)) : variant
        return name == wanted || name.hasSuffix("-" + wanted) || name.hasSuffix("." + wanted)
    }
}
