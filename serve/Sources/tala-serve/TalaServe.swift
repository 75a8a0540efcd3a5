import ArgumentParser
import Foundation
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle
import Storage

@main
struct TalaServe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-serve", abstract: "Serve what is deployed in a spool by an OpenAI-compatible API.",
        discussion: "Deploy with tala deploy create. Without keys it answers on this machine alone.")

    @Option(help: "The spool directory (also: TALA_SPOOL).") var spool: String?
    @Option(help: "Where to listen: HOST:PORT, or unix:PATH.") var listen = "127.0.0.1:8434"
    @Option(help: "A further name of this server, for the Host header; may be repeated.") var host: [String] = []
    @Option(help: "An origin whose pages may use the API; may be repeated.") var allowOrigin: [String] = []
    @Option(help: "The program tala-engine; beside this one where it is not named.") var engine: String?
    @Option(help: "A folder in which systemd looks for engines to start; without it they are started by this program.")
    var engines: String?
    @Option(help: "A file for the audit log, JSON Lines; without it the log has it.") var audit: String?
    @Flag(help: "Write down every request, not changes and refusals alone; never its text.") var logRequests = false
    @Option(help: "Seconds in which what has been asked is answered once the server is to end.") var drain = 30

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        guard let root = spool ?? ProcessInfo.processInfo.environment["TALA_SPOOL"], let real = realpath(root, nil) else {
            throw ValidationError("name the spool with --spool or TALA_SPOOL")
        }
        defer { free(real) }
        let path = String(cString: real)
        guard FolderListing.isFolder(path + "/jobs") else { throw ValidationError("\(path) is not a spool: it has no folder jobs/") }
        let (address, name, isLocal) = try Self.address(listen)
        let keys = KeyStore(folder: path + "/keys", isOpenWithoutKeys: isLocal)
        guard isLocal || !keys.isEmpty else {
            throw ValidationError("\(listen) is reached from other machines: make a key first (tala key create)")
        }
        guard (0...3600).contains(drain) else { throw ValidationError("--drain is a number of seconds up to 3600") }
        let program = try engine ?? Self.beside("tala-engine")
        let auditLog: AuditLog
        do { auditLog = try AuditLog(path: audit, logsAll: logRequests) } catch { throw ValidationError("--audit: \(error)") }
        let units = try engines.map { try EngineUnits(folder: $0) }
        let sockets = try Self.privateFolder()
        defer { FolderListing.delete(sockets) }
        let filters = FilterStore(spool: Spool(root: path), program: program, sockets: sockets, units: units)
        let deployments = Deployments(spool: path, program: program, sockets: sockets, units: units, filters: filters)
        let filtering = Task { await filters.watch(deployments) }
        let watching = Task { await deployments.watch() }
        let limiter = RateLimiter(folder: path + "/keys")
        let reloading = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                keys.reload()
                limiter.write()
            }
        }
        let sweeping = Task {
            while !Task.isCancelled {
                Spool(root: path).sweepFiles()
                Spool(root: path).sweepUploads()
                try? await Task.sleep(for: .seconds(60))
            }
        }
        let front = Front(
            deployments: deployments, spool: Spool(root: path), keys: keys, limiter: limiter,
            catalogue: Catalogue(spool: Spool(root: path), program: program), filters: filters, audit: auditLog, isLocal: isLocal,
            hosts: Set(["localhost", "127.0.0.1", "::1", name].compactMap { $0 } + host.map { Front.withoutPort($0) }),
            origins: Set(allowOrigin))
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)
        let app = Application(
            responder: front,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [SlowSenders()], idleTimeout: .seconds(30), httpDecoderConfiguration: decoder)),
            configuration: .init(
                address: address, serverName: "tala",
                availableConnectionsDelegate: MaximumAvailableConnections(OpenFiles.connectionLimit)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port.map { ":\($0)" } ?? ""
                ServerLog.note("listening on \(name ?? listen)\(port)")
                ServiceManager.notify("READY=1")
            })
        defer {
            watching.cancel()
            filtering.cancel()
            reloading.cancel()
            sweeping.cancel()
        }
        // Whoever has asked is answered; then connections are closed, at the latest after a while.
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: app), .init(service: Farewell(seconds: drain))], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: app.logger)
        configuration.maximumGracefulShutdownDuration = .seconds(drain)
        do { try await ServiceGroup(configuration: configuration).run() } catch is CancellationError {
            ServerLog.note("not all that was asked has been answered within \(drain) s", .warning)
        }
        limiter.write()
        await deployments.stop()
        await filters.stop()
    }

    /// - Returns: where to bind, the host's name, and whether only this machine reaches it.
    private static func address(_ text: String) throws -> (BindAddress, String?, Bool) {
        if text.hasPrefix("unix:") { return (.unixDomainSocket(path: String(text.dropFirst(5))), nil, true) }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else {
            throw ValidationError("--listen is HOST:PORT or unix:PATH, not \(text)")
        }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return (.hostname(String(host), port: port), String(host), ["127.0.0.1", "localhost", "::1"].contains(String(host)))
    }

    /// A program that lies beside this one, or in `libexec/tala` of its installation.
    private static func beside(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let places = [folder.path + "/" + name, folder.deletingLastPathComponent().path + "/libexec/tala/" + name]
        guard let path = places.first(where: { access($0, X_OK) == 0 }) else {
            throw ValidationError("\(name) is not beside this program: name it with --engine")
        }
        return path
    }

    /// A folder for the engines' sockets that nobody else can look into.
    private static func privateFolder() throws -> String {
        let base = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? "/tmp"
        var template = Array((base + "/tala-serve-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw ValidationError("no folder can be made in \(base)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
