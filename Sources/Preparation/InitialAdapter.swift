import Manifest
import Models

extension AdapterSettings {
    /// What the manifest says of an adapter.
    init(_ adapter: Manifest.LoRA) {
        self.init(
            rank: adapter.rank, alpha: adapter.alpha, dropout: adapter.dropout, targets: adapter.targets,
            usesRankStabilisedScaling: adapter.usesRankStabilisedScaling)
        rankExceptions = adapter.rankPattern
        alphaExceptions = adapter.alphaPattern
        layers = adapter.layers
        excluded = adapter.excluded
        initialisation = adapter.initialisation
        usesMagnitudes = adapter.usesMagnitudes
        bias = adapter.bias
        savedModules = adapter.savedModules
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
        let found = try settings.modules(on: linears)
        var said = AdapterSettings(adapter)
        if adapter.inherited.contains(.targets) { said.targets = .names(found.map(\.module.name)) }
        if adapter.inherited.contains(.rankPattern) { said.rankExceptions = settings.rankExceptions }
        if adapter.inherited.contains(.alphaPattern) { said.alphaExceptions = settings.alphaExceptions }
        (said.rank, said.alpha) = (settings.rank, settings.alpha)
        said.usesRankStabilisedScaling = settings.usesRankStabilisedScaling
        let modules = try said.modules(on: linears)
        let names = Set(found.map(\.module.shortName)).sorted().joined(separator: ", ")
        for key in [Manifest.LoRA.Inheritable.targets, .layers, .excluded] {
            try require(
                key, modules.map(\.module) == found.map(\.module), "for \(modules.count) modules", "\(found.count) (\(names))")
        }
        try require(.rankPattern, modules.map(\.rank) == found.map(\.rank), "another one", "other ranks")
        try require(
            .magnitudes, adapter.usesMagnitudes == settings.usesMagnitudes, "\(adapter.usesMagnitudes)", "\(settings.usesMagnitudes)")
        try require(.bias, adapter.bias == settings.bias, adapter.bias.rawValue, settings.bias.rawValue)
        try require(
            .saved, adapter.savedModules == settings.savedModules, adapter.savedModules.joined(separator: ", "),
            settings.savedModules.isEmpty ? "none" : settings.savedModules.joined(separator: ", "))
        try require(.alphaPattern, modules.map(\.scale) == found.map(\.scale), "another one", "other alphas")
        adapter.rank = settings.rank
        adapter.alpha = settings.alpha
        adapter.usesRankStabilisedScaling = settings.usesRankStabilisedScaling
        adapter.rankPattern = settings.rankExceptions
        adapter.alphaPattern = settings.alphaExceptions
        adapter.usesMagnitudes = settings.usesMagnitudes
        adapter.bias = settings.bias
        adapter.savedModules = settings.savedModules
        adapter.inherited.subtract([.rank, .alpha, .scaling, .rankPattern, .alphaPattern, .saved])
        if settings.usesMagnitudes { adapter.inherited.remove(.magnitudes) }
        if settings.bias != .none { adapter.inherited.remove(.bias) }
        return settings
    }
}
