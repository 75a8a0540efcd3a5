import CommandLineTools
import Datasets
import Glibc
import Graph
import Manifest
import Preparation
import Spool
import Training

/// What `tala init` says of a job on this machine: the plan's figures.
extension ManifestTemplate.Plan {
    /// Finds the manifest's files as `tala plan` does, and plans the job.
    /// - Parameter folder: the manifest's, beside which its data may lie.
    /// - Throws: what is missing or wrong.
    init(_ manifest: Manifest, folder: String, _ layout: SpoolLayout) throws {
        let resolver = ManifestResolver(layout: layout, allowedRoots: layout.allowedRoots)
        let files = try resolver.files(of: manifest, bundle: .init(path: folder, followsLinks: true), for: Submitter(user: getuid())) {
            layout.job($0).status() != nil
        }
        let job = try PreparedJob(
            manifest: manifest, modelFolder: files.modelPath, trainingPath: files.training.path, validationPath: files.validation?.path,
            initialAdapterPath: files.initialAdapter?.path, cache: .ofUser, teacherPath: files.comparisonPath)
        self.init(
            device: job.device.name, precision: job.precision, steps: job.settings.totalSteps, batchSize: job.settings.batchSize,
            learningRate: job.manifest.hyperparameters.learningRate.value ?? 0, microBatchTokens: job.plan.size.tokenCount,
            longestExample: max(job.training.longestExample, job.validation?.longestExample ?? 0),
            recomputedLayers: job.plan.recomputedLayers, baseWeights: job.plan.baseWeights.rawValue, peakBytes: job.plan.peakBytes)
    }
}
