import ArgumentParser
import CommandLineTools
import Devices
import Engine
import EngineServer
import Glibc
import JSON
import Manifest
import Models
import Sandbox
import Storage
import Tensors
import Training

/// Set by the signal handler, read between steps.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

@main
struct TalaEngine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-engine", abstract: "Answers requests with one model; started by tala-serve.",
        discussion: "Speaks on a Unix socket, has no network, and reads the model, its adapters and the system alone.")

    @Option(help: "The socket to listen on.") var socket = ""
    @Option(help: "The model's folder.") var model: String
    @Option(help: "An adapter, as NAME=FOLDER; may be repeated.") var adapter: [String] = []
    @Option(help: "A folder from which adapters may be loaded later; may be repeated.") var readable: [String] = []
    @Option(help: "The device.") var device = "auto"
    @Option(help: "How frozen weights lie on the device.") var baseWeights = BaseWeights.stored
    @Option(help: "The type of activations: float32 or bfloat16; auto: bfloat16 where weights and processor have it.")
    var precision = "auto"
    @Option(help: "Tokens of a prompt and its answer at most.") var contextLength = 2048
    @Option(help: "Answers that are written at the same time.") var slots = 8
    @Option(help: "MiB of keys and values for all of them; 0: what all need at their longest.") var cacheMemory = 0
    @Option(help: "Tokens whose keys and values have room; with --cache-memory the larger of both. 0: what all need at their longest.")
    var cacheTokens = 0
    @Option(help: "The element type of keys and values: float32 or float16.") var cacheType = "float32"
    @Option(help: "Adapters that may be held at a time.") var adapterSlots = 8
    @Option(help: "The largest rank of an adapter; 0: no adapters.") var adapterRank = 0
    @Option(help: "Answers that may wait, where a request does not say.") var queue = 64
    @Option(help: "The front's process; the engine ends when it is gone.") var parent: Int32?
    @Flag(help: "Say as JSON what the model is and whether it can be trained, and leave.") var describe = false
    @Flag(help: "Say as JSON what memory these settings take, and leave.") var plan = false
    @Flag(help: "The model is a classifier: say of which class texts are.") var classifier = false

    func validate() throws {
        guard describe || plan || !socket.isEmpty else { throw ValidationError("--socket is missing") }
        guard (1...64).contains(slots), (1...(1 << 24)).contains(contextLength), (0...(1 << 40)).contains(cacheMemory),
            (0...(1 << 32)).contains(cacheTokens),
            (1...1024).contains(adapterSlots), (0...1024).contains(adapterRank), (1...65_536).contains(queue)
        else { throw ValidationError("a number is out of range") }
        guard ["float32", "float16"].contains(cacheType) else { throw ValidationError("--cache-type is float32 or float16") }
        guard ["auto", "float32", "bfloat16"].contains(precision) else {
            throw ValidationError("--precision is auto, float32 or bfloat16, not \"\(precision)\"")
        }
        guard adapter.allSatisfy({ $0.contains("=") }) else { throw ValidationError("--adapter is NAME=FOLDER") }
    }

    func run() throws {
        if let parent { Confinement.bindToParent(parent) }
        signal(SIGPIPE, SIG_IGN)
        signal(SIGTERM) { _ in stopRequested = 1 }
        signal(SIGINT) { _ in stopRequested = 1 }
        do {
            if describe || plan { return try tell() }
            // Everything outside is open before the walls go up; the socket's folder stays outside.
            let listener = try UnixSocket.listen(socket)
            let named = adapter.map { text in
                let parts = text.split(separator: "=", maxSplits: 1)
                return (name: String(parts[0]), folder: parts.count > 1 ? String(parts[1]) : "")
            }
            let report = Confinement.confineReader([model] + named.map(\.folder) + readable)
            if !report.isComplete { StandardError.write("<4>tala-engine: \(report.description)\n") }
            if classifier {
                let chosen = try Devices.make(device) { StandardError.write("<4>tala-engine: the processor stands in: \($0)\n") }
                let judge = try TextClassifier(folder: model, device: chosen)
                StandardError.write("tala-engine: ready\n")
                ClassifierServer(judge, listener: listener, mustStop: { stopRequested != 0 }).run()
                // Whoever has started it may have cleared away already.
                try? DurableFiles.remove(socket)
                return
            }
            let settings = try settings()
            var options = ServedModel.Options(model: model, settings: settings)
            options.adapters = named
            options.baseWeights = baseWeights
            options.activationType = precision == "auto" ? nil : ElementType(rawValue: precision)
            let chosen = try Devices.make(device) { StandardError.write("<4>tala-engine: the processor stands in: \($0)\n") }
            // What does not fit is said before memory is asked for.
            let plan = try DeploymentPlan(model: model, baseWeights: options.baseWeights, settings: settings, on: chosen)
            guard plan.fits else { throw CommandFailure(.failed, "the model does not fit: \(plan.sentence)") }
            let served = try ServedModel(options, on: chosen)
            StandardError.write("tala-engine: ready\n")
            try EngineServer(served, listener: listener, mustStop: { stopRequested != 0 }).run()
            try? DurableFiles.remove(socket)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// What the numbers of the command line come to.
    private func settings() throws -> EngineSettings {
        var settings = EngineSettings(slots: slots, contextLength: contextLength, queueLimit: queue)
        settings.cacheType = cacheType == "float16" ? .float16 : .float32
        (settings.adapterSlots, settings.adapterRank) = (adapterRank > 0 ? adapterSlots : 0, adapterRank)
        if cacheTokens > 0 { settings.pageCount = (cacheTokens + GenerationShape.pageRows - 1) / GenerationShape.pageRows }
        if cacheMemory > 0 {
            let bytes = EngineSettings.pageBytes(try OpenedModel(path: model).configuration, settings.cacheType)
            settings.pageCount = max(1, settings.pageCount ?? 0, (cacheMemory << 20) / max(1, bytes))
        }
        return settings
    }

    /// Answers a question about the model, behind the same walls, and leaves.
    private func tell() throws {
        Confinement.confineReader([model])
        if describe {
            let methods = Manifest.Method.all.map { method -> JSONNode in
                ["type": JSONNode(method.word), "description": JSONNode(method.sentence)]
            }
            return try StandardOutput.json(JSONNode(ModelFacts(path: model).members + [JSONMember("methods", JSONNode(methods))]))
        }
        let found = try DeploymentPlan(model: model, baseWeights: baseWeights, settings: settings(), on: Devices.make(device) { _ in })
        try StandardOutput.json(found.json)
    }

    /// `tala-engine --arguments FILE` takes its command line from a file, an argument a line: a
    /// unit of systemd cannot be told one.
    static func main() {
        let given = CommandLine.arguments
        guard given.count == 3, given[1] == "--arguments" else { return runAsProgram() }
        do {
            let text = String(decoding: try DurableFiles.read(given[2], limit: 1 << 20), as: UTF8.self)
            runAsProgram(with: text.split(separator: "\n").map(String.init))
        } catch {
            StandardError.write("<3>tala-engine: \(error)\n")
            exit(withError: ExitCode.failure)
        }
    }
}
