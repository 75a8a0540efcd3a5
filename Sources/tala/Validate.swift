import Devices
import Models
import Graph
import Preparation
import Profiling
import Ranks
import Training
import Tokenization
import Datasets
import ArgumentParser
import CommandLineTools
import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Tensors

/// What `validate` and `plan` share: a manifest, and where its names are looked for.
struct ManifestOptions: ParsableArguments {
    @Option(help: "The spool whose models/ and files/ the manifest names (also: TALA_SPOOL).") var spool: String?
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "The manifest (.json or .yaml), or a folder that holds one.") var manifest: String

    /// The manifest with its files found; of a sweep that of the first job, where those of the
    /// others are there too.
    /// - Parameter says: whether it is said on standard error that there are others.
    func read(says: Bool = false) throws -> (manifest: Manifest, files: ManifestResolver.Files) {
        var path = manifest
        var folder = DurableFiles.split(path).folder
        if FolderListing.isFolder(path) {
            folder = path
            guard let name = ["manifest.json", "manifest.yaml", "manifest.yml"].first(where: { access(path + "/" + $0, F_OK) == 0 }) else {
                throw ValidationError("\(path) holds no manifest.json or manifest.yaml")
            }
            path += "/" + name
        }
        let bytes = try DurableFiles.read(path, limit: 2 << 20)
        let all: ManifestJobs
        do throws(ManifestError) { all = try ManifestJobs(ManifestText(bytes, isYAML: !path.hasSuffix(".json"))) } catch {
            throw CommandFailure(error, file: path)
        }
        guard let first = all.jobs.first else { throw ValidationError("\(path) describes no job") }
        let layout = SpoolLayout(root: spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
        // What the daemon will say, for data that `tala submit` carries along from beside the
        // manifest.
        let resolver = ManifestResolver(layout: layout, allowedRoots: layout.allowedRoots)
        do {
            func files(of manifest: Manifest) throws -> ManifestResolver.Files {
                try resolver.files(of: manifest, bundle: .init(path: folder, followsLinks: true), for: Submitter(user: getuid())) {
                    layout.job($0).status() != nil
                }
            }
            for other in all.jobs.dropFirst() { _ = try files(of: other.manifest) }
            let files = try files(of: first.manifest)
            let parsed = first.manifest
            if says, all.sweep != nil {
                StandardError.write(plain("a sweep of \(all.jobs.count) jobs; this is the first, with \(first.title)") + "\n")
            }
            return (parsed, files)
        } catch let error as ManifestError {
            throw CommandFailure(error, file: path)
        }
    }

    /// The job as it would run.
    /// - Throws: what is wrong with model, data or plan.
    func prepareThrowing(device: String? = nil, memoryLimit: Int? = nil) throws -> PreparedJob {
        let (manifest, files) = try read()
        let bar = ReadingBar()
        defer { bar.clear() }
        return try PreparedJob(
            manifest: manifest, modelFolder: files.modelPath, trainingPath: files.training.path, validationPath: files.validation?.path,
            initialAdapterPath: files.initialAdapter?.path, deviceSelector: device, memoryLimit: memoryLimit, cache: .ofUser,
            readingProgress: { bar.show($0) }, teacherPath: files.comparisonPath)
    }

    /// The job as it would run; what is wrong is printed.
    /// - Parameters:
    ///   - device: a device for the manifest's.
    ///   - memoryLimit: bytes that replace the manifest's memory_limit.
    func prepare(device: String? = nil, memoryLimit: Int? = nil) throws -> PreparedJob {
        do {
            return try prepareThrowing(device: device, memoryLimit: memoryLimit)
        } catch PreparationError.invalidData(let reports) {
            throw CommandFailure(
                .invalid, reports.flatMap(\.problems.first).map { plain("\($0)") }.joined(separator: "\n"),
                context: [JSONMember("files", JSONNode(reports.map(\.json)))])
        } catch {
            throw Self.failure(error)
        }
    }

    /// Why a job cannot be prepared.
    static func failure(_ error: any Error) -> any Error {
        switch error {
        case is CommandFailure, is ValidationError, is ExitCode: error
        default: CommandFailure(.invalid, "\(error)")
        }
    }
}

extension ManifestOptions {
    /// Warnings on standard error, each with its code.
    static func show(_ warnings: [JobWarning]) {
        for warning in warnings { StandardError.write(plain("warning: \(warning) (\(warning.code))") + "\n") }
    }
}

/// `tala plan`: memory, arithmetic and steps, before anything runs.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what a job will need: memory, arithmetic, steps, tokens.")
    @OptionGroup var options: ManifestOptions
    @Option(
        help: ArgumentHelp(
            "Plan for a card that is not there, and estimate its speed from published peaks: \(CardProfile.all.map(\.key).joined(separator: ", ")).",
            valueName: "name"))
    var deviceProfile: String?
    @Option(help: "Plan for this much memory instead of the manifest's memory_limit: bytes, or for example 2GiB.") var memoryLimit: String?
    @Option(help: "The policy whose prices count.") var policy = "/etc/tala/policy.yaml"
    @Flag(help: "The file is a deployment, not a manifest: say what memory serving it takes.") var deployment = false

    func run() throws {
        if deployment { return try showDeployment() }
        let limit = try memoryLimit.map { text in
            guard let bytes = Manifest.byteCount(text) else {
                throw ValidationError("--memory-limit \(text) is not a size; write for example 2GiB")
            }
            return bytes
        }
        let card = try deviceProfile.map { name in
            guard let card = CardProfile.named(name) else {
                throw ValidationError("--device-profile: \(name) is none of \(CardProfile.all.map(\.key).joined(separator: ", "))")
            }
            return card
        }
        do { if let evaluation = try options.evaluation() { return try options.show(evaluation) } } catch {
            throw ManifestOptions.failure(error)
        }
        let job = try options.prepare(device: card.map { Devices.profilePrefix + $0.key }, memoryLimit: limit)
        let estimate = try card.map { (card: $0, roofline: try job.roofline(on: $0)) }
        let plan = job.plan
        if options.json {
            let figures: [JSONMember] =
                [
                    JSONMember("steps", JSONNode(job.settings.totalSteps)), JSONMember("batch_size", JSONNode(job.settings.batchSize)),
                    JSONMember("trained_tokens", JSONNode(job.totalTrainedTokens)),
                    JSONMember("trainable_parameters", JSONNode(job.model.trainables.elementCount)),
                    JSONMember("device", JSONNode(job.device.name)), JSONMember("precision", JSONNode(job.precision)),
                    JSONMember("warnings", JSONNode(job.warnings.map(\.json))),
                ] + (estimate.map { [JSONMember("estimate", Self.json($0.card, $0.roofline, tokens: plan.size.tokenCount))] } ?? [])
            return try StandardOutput.json(JSONNode((PlanFigures(plan).json.object ?? []) + figures))
        }
        func mebibytes(_ bytes: Int) -> String { "\(Double(bytes * 10 / 1_048_576) / 10) MiB" }
        var rows = [
            ("device", "\(job.device.name), \(job.precision)"),
            ("steps", "\(job.settings.totalSteps) of \(job.settings.batchSize) examples"),
            ("trained tokens", "\(job.totalTrainedTokens)"), ("trained parameters", "\(job.model.trainables.elementCount)"),
            (
                "micro-batch",
                "\(plan.size.tokenCount) tokens" + (plan.recomputedLayers > 0 ? ", \(plan.recomputedLayers) layers recomputed" : "")
            ),
            ("arena", "\(mebibytes(plan.arenaBytes)) (\(plan.arenaBytes) bytes)"), ("weights and state", mebibytes(plan.persistentBytes)),
            ("mapped weights", mebibytes(plan.mappedBytes)), ("frozen weights", plan.baseWeights.rawValue),
            ("kernels' workspace", mebibytes(plan.workspaceBytes)), ("program, data", mebibytes(plan.programBytes)),
            ("at the peak", "\(mebibytes(plan.peakBytes)) (\(plan.peakBytes) bytes)"),
            (
                "arithmetic",
                "\(Double(Int(plan.floatingPointOperations / 1e7)) / 100) GFLOP a micro-batch, \(plan.kernelCalls) kernel calls"
            ),
        ]
        if plan.teacherBytes > 0 { rows.append(("teacher", mebibytes(plan.teacherBytes))) }
        rows += Self.lanes(job.settings.lanes, plan, mebibytes)
        let layout = SpoolLayout(root: options.spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
        if let cost = CostEstimate(policyFile: policy, layout: layout, manifest: job.manifest, trainedTokens: job.totalTrainedTokens) {
            rows.append(("cost", cost.text))
        }
        let width = rows.map(\.0.count).max() ?? 0
        for (name, value) in rows { try StandardOutput.line(name + String(repeating: " ", count: width - name.count + 2) + value) }
        ManifestOptions.show(job.warnings)
        if let estimate { try Self.show(estimate.card, estimate.roofline, plan) }
    }

    /// What can carry the lanes of each step, and what it takes; nothing where there is one.
    private static func lanes(_ lanes: Lanes, _ plan: JobPlan, _ mebibytes: (Int) -> String) -> [(String, String)] {
        if lanes.count == 1 { return [] }
        let counts = lanes.processCounts.map(String.init)
        let carriers = (counts.count > 1 ? counts.dropLast().joined(separator: ", ") + " or " : "") + (counts.last ?? "")
        let least = plan.leastProcesses > 1 ? "; fewer than \(plan.leastProcesses) do not hold the job" : ""
        return [("lanes", "\(lanes.count), carried by \(carriers) processes" + least)]
            + plan.divisions.map { division in
                let (count, sums) = (division.processes, mebibytes(division.laneBytes))
                return (
                    count == 1 ? "in one process" : "in each of \(count)",
                    "weights and state \(mebibytes(division.persistentBytes)), sums of lanes on the host \(sums), "
                        + "at the peak \(mebibytes(division.peakBytes))"
                )
            }
    }

    /// An estimate must not read like a measurement.
    private static func show(_ card: CardProfile, _ roofline: RooflineEstimate, _ plan: JobPlan) throws {
        let rounded = { (number: Double, digits: Double) in (number * digits).rounded() / digits }
        try StandardOutput.line()
        try StandardOutput.line("ESTIMATE, not measured: a roofline of what is published of the \(card.name); kernels reach a part of it")
        try StandardOutput.line("  \(card.source)")
        let speed = roofline.seconds > 0 ? Double(plan.size.tokenCount) / roofline.seconds : 0
        let time = "\(rounded(roofline.seconds * 1e3, 100)) ms a micro-batch of \(plan.size.tokenCount) tokens"
        try StandardOutput.line("  at best \(time), \(rounded(speed, 1)) tokens/s")
        if plan.deviceBytes > card.memoryBytes {
            try StandardOutput.line(
                "  DOES NOT FIT: the card has \(card.memoryBytes >> 20) MiB, the job needs \(plan.deviceBytes >> 20) MiB")
        }
        for part in roofline.parts.prefix(6) {
            try StandardOutput.line(
                "  \(part.operation): \(rounded(part.seconds * 1e3, 1000)) ms in \(part.calls) calls, "
                    + "\(rounded(part.arithmeticShare * 100, 1)) % of it bound by arithmetic, the rest by memory")
        }
    }

    private static func json(_ card: CardProfile, _ roofline: RooflineEstimate, tokens: Int) -> JSONNode {
        let parts = roofline.parts.map { part -> JSONNode in
            [
                "operation": JSONNode(part.operation), "calls": JSONNode(part.calls), "seconds": JSONNode(part.seconds),
                "arithmetic_share": JSONNode(part.arithmeticShare),
            ]
        }
        return [
            "is_measured": false, "card": JSONNode(card.name), "source": JSONNode(card.source),
            "seconds_at_least": JSONNode(roofline.seconds),
            "tokens_per_second_at_most": JSONNode(roofline.seconds > 0 ? Double(tokens) / roofline.seconds : 0), "parts": JSONNode(parts),
        ]
    }
}

/// `tala devices`: what this machine can train on.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "devices", abstract: "List the devices of this machine.")
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let devices = Devices.all()
        if json {
            let list = devices.map { device -> JSONNode in
                [
                    "device": JSONNode(device.selector), "name": JSONNode(device.name),
                    "details": JSONNode(device.details.map { JSONMember($0.0, JSONNode($0.1)) }),
                ]
            }
            return try StandardOutput.json(["object": "list", "data": JSONNode(list), "has_more": false])
        }
        for device in devices {
            try StandardOutput.line("\(device.selector)  \(device.name)")
            for (name, value) in device.details { try StandardOutput.line("    \(name): \(value)") }
        }
    }
}
