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
        var queue = 1
        var cacheMemory = 0
        var adapterRank = 0
        var adapterSlots = 1
        /// Folders from which adapters are loaded.
        var readable: [String] = []

        /// Whether an engine that was started with these does for others of its group.
        func suffices(for other: Arguments) -> Bool {
            contextLength >= other.contextLength && slots >= other.slots && queue >= other.queue && cacheMemory >= other.cacheMemory
                && adapterRank >= other.adapterRank && adapterSlots >= other.adapterSlots
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
    private let socket: String
    private var process: Process?
    private(set) var link: EngineLink?
    private(set) var state = State.loading
    private(set) var adapters: Set<String> = []
    /// When it ended, the last times.
    private var ends: [Date] = []

    init(_ arguments: Arguments, program: String, socket: String) {
        (self.arguments, self.program, self.socket) = (arguments, program, socket)
    }

    /// Starts the engine and waits until it answers.
    func start() async {
        state = .loading
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments =
            [
                "--socket", socket, "--model", arguments.base, "--device", arguments.device, "--base-weights", arguments.baseWeights,
                "--cache-type", arguments.cacheType, "--context-length", "\(arguments.contextLength)", "--slots", "\(arguments.slots)",
                "--queue", "\(arguments.queue)", "--cache-memory", "\((arguments.cacheMemory + 1_048_575) >> 20)",
                "--adapter-rank", "\(arguments.adapterRank)", "--adapter-slots", "\(arguments.adapterSlots)", "--parent",
                "\(ProcessInfo.processInfo.processIdentifier)",
            ] + arguments.readable.flatMap { ["--readable", $0] }
        process.standardInput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        let words = EngineWords(errors.fileHandleForReading)
        let failure: String? = await LaunchThread.run {
            do { try process.run() } catch { return "\(error)" }
            return nil
        }
        if let failure {
            state = .failed("the engine cannot be started: \(failure)")
            return
        }
        self.process = process
        // A large model takes its time to be read.
        for _ in 0..<12_000 {
            if !process.isRunning { break }
            if let link = await EngineLink.connect(socket) {
                (self.link, state) = (link, .ready)
                return
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        process.terminate()
        ends.append(Date())
        state = .failed(words.last ?? "the engine does not start")
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

    var hasRoom: Bool { adapters.count < arguments.adapterSlots }

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
}
