import ArgumentParser
import Foundation
import Hummingbird
import HummingbirdCore
import NIOCore
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
        let program = try engine ?? Self.beside("tala-engine")
        let sockets = try Self.privateFolder()
        defer { FolderListing.delete(sockets) }
        let deployments = Deployments(spool: path, program: program, sockets: sockets)
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
                try? await Task.sleep(for: .seconds(60))
            }
        }
        let front = Front(
            deployments: deployments, spool: Spool(root: path), keys: keys, limiter: limiter,
            hosts: Set(["localhost", "127.0.0.1", "::1", name].compactMap { $0 } + host.map { Front.withoutPort($0) }),
            origins: Set(allowOrigin))
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)
        let app = Application(
            responder: front, server: .http1(configuration: .init(idleTimeout: .seconds(60), httpDecoderConfiguration: decoder)),
            configuration: .init(address: address, serverName: "tala"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port.map { ":\($0)" } ?? ""
                FileHandle.standardError.write(Data("tala-serve: listening on \(name ?? listen)\(port)\n".utf8))
            })
        defer {
            watching.cancel()
            reloading.cancel()
            sweeping.cancel()
        }
        try await app.runService()
        limiter.write()
        await deployments.stop()
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

    private static func beside(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let path = folder + "/" + name
        guard access(path, X_OK) == 0 else { throw ValidationError("\(name) is not beside this program: name it with --engine") }
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
