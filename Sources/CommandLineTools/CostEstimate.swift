import Glibc
import Jobs
package import Spool
package import Manifest
import Storage

/// What a job will cost, as far as it can be known before: tokens are counted, device time is taken
/// from finished jobs of the same model in the same spool.
package struct CostEstimate {
    var currency: String
    var tokens: Double
    /// Nil while no job of this model has finished here.
    var deviceSeconds: Double?
    var deviceCost: Double?

    /// Nil where the policy has no prices or cannot be read by this user.
    package init?(policyFile: String, layout: SpoolLayout, manifest: Manifest, trainedTokens: Int) {
        guard let bytes = try? DurableFiles.read(policyFile, limit: 1 << 20),
            let policy = try? Policy(ManifestText(bytes, isYAML: !policyFile.hasSuffix(".json"))),
            let prices = policy.prices(device: manifest.device)
        else { return nil }
        currency = prices.currency
        tokens = prices.cost(deviceSeconds: 0, trainedTokens: trainedTokens)
        // Only the newest ones: reading ten thousand would take too long.
        let ids = ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }.suffix(200)
        let done = ids.compactMap { layout.job($0).status() }.filter { $0.state == .succeeded && $0.model == manifest.model }
        let used = done.reduce(into: Usage.Amount()) { $0 += $1.usage.total }
        guard used.trainedTokens > 0, used.deviceSeconds > 0 else { return }
        let seconds = used.deviceSeconds / Double(used.trainedTokens) * Double(trainedTokens)
        deviceSeconds = seconds
        deviceCost = prices.cost(deviceSeconds: seconds, trainedTokens: 0)
    }

    package var text: String {
        func money(_ amount: Double) -> String { "\((amount * 100).rounded() / 100)" }
        guard let deviceCost, let deviceSeconds else {
            return "\(money(tokens)) \(currency) for tokens; device time is not known before a job of this model has finished here"
        }
        return
            "about \(money(tokens + deviceCost)) \(currency) (tokens \(money(tokens)), device \(money(deviceCost)) for \(Int(min(deviceSeconds, 1e12)) / 60) min)"
    }
}
