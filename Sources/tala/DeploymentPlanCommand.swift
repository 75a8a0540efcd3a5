import ArgumentParser
import CommandLineTools
import Devices
import Engine
import EngineServer
import Glibc
import JSON
import Manifest
import Models
import Spool
import Storage
import Tensors

extension PlanCommand {
    /// `tala plan --deployment FILE`: what memory a deployment will take, before anything is
    /// loaded.
    func showDeployment() throws {
        let layout = SpoolLayout(root: options.spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
        let plan: DeploymentPlan
        do {
            let deployment = try Deployment(
                ManifestText(
                    DurableFiles.read(options.manifest, limit: ManifestText.byteLimit), isYAML: !options.manifest.hasSuffix(".json")))
            let place = try DeploymentFiles(layout).place(of: deployment)
            plan = try DeploymentPlan(
                model: place.base, baseWeights: deployment.baseWeights, settings: Self.settings(deployment, place),
                on: Devices.make(deployment.device) { _ in }, availableBytes: memoryLimit.flatMap(Manifest.byteCount))
        } catch let error as ManifestError {
            throw CommandFailure(error, file: options.manifest)
        } catch { throw ManifestOptions.failure(error) }
        if options.json {
            try StandardOutput.json(plan.json)
        } else {
            try StandardOutput.line("\(plan.slots) slots of \(plan.contextLength) tokens: \(plan.sentence)")
            try StandardOutput.line("bytes: \(plan.byteCount), keys and values: \(plan.cacheBytes)")
        }
        guard plan.fits else { throw ExitCode(1) }
    }

    /// As the server starts an engine for this deployment alone.
    private static func settings(_ deployment: Deployment, _ place: DeploymentFiles.Place) throws -> EngineSettings {
        var settings = EngineSettings(slots: deployment.slots, contextLength: deployment.contextLength, queueLimit: deployment.queue)
        settings.cacheType = deployment.cacheType == .float16 ? .float16 : .float32
        if let rank = place.rank { (settings.adapterSlots, settings.adapterRank) = (4, rank) }
        if let bytes = deployment.cacheBytes {
            let page = EngineSettings.pageBytes(try OpenedModel(path: place.base).configuration, settings.cacheType)
            settings.pageCount = max(1, bytes / max(1, page))
        }
        return settings
    }
}
