import Manifest
import Models

extension AdapterSettings {
    /// What the manifest says of an adapter.
    init(_ adapter: Manifest.LoRA) {
        self.init(
            rank: adapter.rank, alpha: adapter.alpha, dropout: adapter.dropout, targets: adapter.targets,
            usesRankStabilisedScaling: adapter.usesRankStabilisedScaling)
    }
}

extension PreparedJob {
    /// The settings of the adapter that training starts from, which what the manifest leaves open
    /// becomes.
    /// - Throws: ``ModelError``: the folder cannot be used, or the manifest says something else
    ///   than it.
    static func continued(_ folder: String, _ adapter: inout Manifest.LoRA, of configuration: ModelConfiguration) throws
        -> AdapterSettings
    {
        let linears = try LanguageModel.linearModules(of: configuration)
        let settings = try AdapterFolder(folder).settings(on: linears, dropout: adapter.dropout)
        func require(_ key: Manifest.LoRA.Inheritable, _ isSame: Bool, _ said: String, _ found: String) throws(ModelError) {
            guard adapter.inherited.contains(key) || isSame else {
                throw ModelError(
                    file: "manifest", field: "adapter.\(key.rawValue)",
                    "is \(said), but the adapter that training starts from has \(found): leave it out to go on with that adapter as it is")
            }
        }
        try require(.rank, adapter.rank == settings.rank, "\(adapter.rank)", "\(settings.rank)")
        try require(.alpha, adapter.alpha == settings.alpha, "\(adapter.alpha)", "\(settings.alpha)")
        try require(
            .scaling, adapter.usesRankStabilisedScaling == settings.usesRankStabilisedScaling, "\(adapter.usesRankStabilisedScaling)",
            "\(settings.usesRankStabilisedScaling)")
        if !adapter.inherited.contains(.targets) {
            let (said, found) = (try AdapterSettings(adapter).modules(on: linears), try settings.modules(on: linears))
            let names = Set(found.map(\.module.shortName)).sorted().joined(separator: ", ")
            try require(
                .targets, said.map(\.module) == found.map(\.module), "for \(said.count) modules", "\(found.count) (\(names))")
        }
        adapter.rank = settings.rank
        adapter.alpha = settings.alpha
        adapter.usesRankStabilisedScaling = settings.usesRankStabilisedScaling
        adapter.inherited.subtract([.rank, .alpha, .scaling])
        return settings
    }
}
