import Foundation
import JSON

/// One running engine: a base model on a device, with the adapters of all deployments that share
/// it.
actor EngineHost {
    /// What an engine is started with; two that are equal are one.
    struct Arguments: Hashable, Sendable {
        var base: String
        var device: String
        var baseWeights: String
        var cacheType: String
        var contextLength = 1
        var slots = 1
        /// Tokens whose keys and values have room, of deployments that give no bytes.
        var cacheTokens = 0
        /// MiB of keys and values, of deployments that give bytes.
        var cacheMemory = 0
        var adapterRank = 0
        var adapterSlots = 1
        /// Folders from which adapters are loaded.
        var readable: [String] = []
        /// Whether it says of which class texts are, and writes none.
        var isClassifier = false

        /// Of an engine that says of which class texts are.
        init(classifier base: String) {
            self.init(base: base, device: "cpu")
            isClassifier = true
        }

        private init(base: String, device: String, baseWeights: String = "stored", cacheType: String = "float32") {
            (self.base, self.device, self.baseWeights, self.cacheType) = (base, device, baseWeights, cacheType)
        }

        /// What one deployment needs; nil where it is not known where its model lies.
        /// - Parameters:
        ///   - settings: of its accepted document.
        ///   - place: likewise.
        init?(settings: JSONNode, place: JSONNode) {
            guard let base = place["base"]?.string else { return nil }
            self.init(
                base: base, device: settings["device"]?.string ?? "auto", baseWeights: settings["base_weights"]?.string ?? "stored",
                cacheType: settings["cache_type"]?.string ?? "float32")
            contextLength = settings["context_length"]?.integer ?? 2_048
            slots = settings["slots"]?.integer ?? 8
            if let bytes = settings["cache_memory"]?.integer {
                cacheMemory = bytes >> 20 + (bytes & 0xF_FFFF > 0 ? 1 : 0)
            } else {
                // Each begins with a page of its own, of 32 tokens.
                cacheTokens = slots * ((contextLength + 31) / 32 * 32)
            }
            if place["adapter"] != nil { adapterRank = place["rank"]?.integer ?? 0 }
        }

        /// The part of a command line that says which model, and how large everything is.
        var words: [String] {
            [
                "--model", base, "--device", device, "--base-weights", baseWeights, "--cache-type", cacheType, "--context-length",
                "\(contextLength)", "--slots", "\(slots)", "--cache-tokens", "\(cacheTokens)", "--cache-memory", "\(cacheMemory)",
                "--adapter-rank", "\(adapterRank)", "--adapter-slots", "\(adapterSlots)",
            ]
        }

        /// Whether an engine that was started with these does for others of its group.
        func suffices(for other: Arguments) -> Bool {
            contextLength >= other.contextLength && slots >= other.slots && cacheTokens >= other.cacheTokens
                && cacheMemory >= other.cacheMemory
                && adapterRank >= other.adapterRank && adapterSlots >= other.adapterSlots
        }

        /// Takes in what another of the group needs.
        mutating func widen(for other: Arguments) {
            contextLength = max(contextLength, other.contextLength)
            slots = max(slots, other.slots)
            cacheTokens = max(cacheTokens, other.cacheTokens)
            cacheMemory = max(cacheMemory, other.cacheMemory)
            adapterRank = max(adapterRank, other.adapterRank)
        }

        /// Which deployments may share an engine.
        var group: String { "\(base)|\(device)|\(baseWeights)|\(cacheType)" }
    }
    enum State: Sendable, Equatable {
        case loading
        case ready
        case failed(String)
    }

    nonisolated let arguments: Arguments
    private let program: String
    private let name: String
    nonisolated let socket: String
    /// Where systemd starts engines; nil: this program does.
    private let units: EngineUnits?
    private var process: Process?
    private(set) var link: EngineLink?
    private(set) var state = State.loading { didSet { if state != oldValue { onChange() } } }
    private let onChange: @Sendable () -> Void
    private(set) var adapters: Set<String> = []
    private var hasBeenReady = false
    /// Why it could not be started; nil where it has ever answered.
    var refusal: String? { if case .failed(let message) = state, !hasBeenReady { message } else { nil } }
    /// When it ended, the last times.
    private var ends: [Date] = []

    /// - Parameters:
    ///   - name: of its socket, and of its unit.
    ///   - sockets: the folder of the sockets of engines that this program starts.
    ///   - onChange: called when it has become ready, or has failed, or is started again.
    init(
        _ arguments: Arguments, program: String, name: String, sockets: String, units: EngineUnits?,
        onChange: @escaping @Sendable () -> Void = {}
    ) {
        (self.arguments, self.program, self.name, self.units, self.onChange) = (arguments, program, name, units, onChange)
        socket = units?.socket(name) ?? sockets + "/" + name
    }

    /// Starts the engine and waits until it answers.
    func start() async {
        state = .loading
        if let units { return await start(in: units) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = words + ["--parent", "\(ProcessInfo.processInfo.processIdentifier)"]
        process.standardInput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        let said = EngineWords(errors.fileHandleForReading)
        let failure: String? = await LaunchThread.run {
            do { try process.run() } catch { return "\(error)" }
            return nil
        }
        if let failure {
            state = .failed("the engine cannot be started: \(failure)")
            return
        }
        self.process = process
        if await connected(while: { process.isRunning }) { return }
        process.terminate()
        ends.append(Date())
        state = .failed(said.last ?? "the engine does not start")
    }

    /// The command line, without what depends on who starts the engine.
    private var words: [String] {
        ["--socket", socket] + arguments.words + arguments.readable.flatMap { ["--readable", $0] }
            + (arguments.isClassifier ? ["--classifier"] : [])
    }

    /// Waits until the engine answers; a large model takes its time to be read.
    ///
    /// A process listens some milliseconds after its start and greets when it is ready, so the first
    /// looks come fast: the rest of the waiting is done by the connection.
    private func connected(while isThere: () -> Bool) async -> Bool {
        let end = ContinuousClock.now + .seconds(600)
        var pause = Duration.milliseconds(2)
        while ContinuousClock.now < end {
            if !isThere() { return false }
            if let link = await EngineLink.connect(socket) {
                (self.link, hasBeenReady, state) = (link, true, .ready)
                return true
            }
            try? await Task.sleep(for: pause)
            pause = min(pause + pause / 4, .milliseconds(50))
        }
        return false
    }

    private func start(in units: EngineUnits) async {
        if let failure = units.start(name, words) {
            state = .failed("the engine cannot be asked for: \(failure)")
            return
        }
        var looks = 0
        let isConnected = await connected {
            looks += 1
            // Whoever looks for the file may have missed it.
            if looks % 200 == 0, units.end(name) == nil { _ = units.start(name, words) }
            return units.end(name) == nil
        }
        if isConnected { return }
        ends.append(Date())
        state = .failed(units.end(name) ?? "the unit tala-engine@\(name) does not start")
        units.stop(name)
    }

    /// Whether the engine has ended without being told to.
    func notice() {
        guard state == .ready, link?.isClosed ?? true else { return }
        ends.append(Date())
        ends.removeAll { $0.timeIntervalSinceNow < -600 }
        (link, adapters) = (nil, [])
        state = ends.count >= 3 ? .failed("the engine has ended \(ends.count) times within ten minutes") : .loading
        if state == .loading { Task { await start() } }
    }

    /// Loads an adapter if it is not there.
    /// - Returns: why not, or nil.
    func load(_ name: String, _ folder: String) async -> String? {
        guard let link else { return "the engine is not ready" }
        if adapters.contains(name) { return nil }
        let answer = await link.result {
            ["type": "load_adapter", "id": JSONNode($0), "name": JSONNode(name), "folder": JSONNode(folder)]
        }
        guard answer?["type"]?.string == "result" else { return answer?["message"]?.string ?? "the engine has ended" }
        adapters.insert(name)
        return nil
    }

    func unload(_ name: String) async {
        guard let link, adapters.contains(name) else { return }
        let answer = await link.result { ["type": "unload_adapter", "id": JSONNode($0), "name": JSONNode(name)] }
        if answer?["type"]?.string == "result" { adapters.remove(name) }
    }

    /// Lets the engine end what it has begun, then ends it.
    func retire() async {
        // A request may be on its way to it.
        try? await Task.sleep(for: .seconds(2))
        for _ in 0..<600 where (link?.openCount ?? 0) > 0 { try? await Task.sleep(for: .milliseconds(100)) }
        stop()
    }

    func stop() {
        link?.hangUp()
        process?.terminate()
        units?.stop(name)
        unlink(socket)
    }
}

/// What an engine writes to its standard error: passed on, and the last line kept.
final class EngineWords: Sendable {
    private let handle: FileHandle
    private let line = Locked("")

    init(_ handle: FileHandle) {
        self.handle = handle
        let line = line
        handle.readabilityHandler = { handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                return
            }
            FileHandle.standardError.write(data)
            let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
            if let last = lines.last { line.set(String(last)) }
        }
    }

    var last: String? {
        let text = line.get()
        return text.isEmpty ? nil : text
    }
}

/// A value that threads share.
final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }
    func get() -> Value { lock.withLock { value } }
    func set(_ value: Value) { lock.withLock { self.value = value } }
    @discardableResult
    func change<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
}
