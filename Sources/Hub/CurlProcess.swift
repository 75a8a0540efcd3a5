import CLinux
import Glibc
import Storage

/// One request, made by the program `curl`: its answer comes through a pipe, head first.
///
/// A process of its own, because TLS, proxies and HTTP/2 are a library's work, and a program that
/// trains needs none of them. The request goes to it as a file without a name: a token is never on
/// a command line, where others could read it. Redirections are not curl's affair, but the
/// caller's, who knows for whom the token is.
final class CurlProcess {
    private let address: WebAddress
    private let output: Int32
    private let errors: ScratchFile
    private var process: pid_t = 0
    private var hasEnded = false
    /// What came behind the head.
    private var pending: ArraySlice<UInt8> = []

    /// Bytes of a head; what is longer is no head.
    private static let headLimit = 1 << 16

    private static let arguments: [String] = ["curl", "--disable", "--config", "-"]

    /// Starts the request.
    /// - Parameter fields: the request's fields, each a whole line.
    /// - Throws: ``HubError/noCurl(_:)``, ``StorageError``.
    init(_ address: WebAddress, fields: [String]) throws {
        self.address = address
        let request = try ScratchFile(Self.configuration(address, fields))
        errors = try ScratchFile()
        var ends: [Int32] = [-1, -1]
        guard tala_pipe(&ends) == 0 else { throw StorageError(operation: "make", path: "a pipe") }
        output = ends[0]
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, request.descriptor, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors.descriptor, STDERR_FILENO)
        var arguments: [UnsafeMutablePointer<CChar>?] = Self.arguments.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let problem = posix_spawnp(&process, "curl", &actions, nil, &arguments, environ)
        guard problem == 0 else {
            hasEnded = true
            throw HubError.noCurl(StorageError(operation: "start", path: "curl", errorNumber: problem))
        }
    }

    deinit {
        close(output)
        if !hasEnded {
            kill(process, SIGTERM)
            _ = wait()
        }
    }

    /// The request as curl's configuration file has it. Addresses and fields hold neither quotation
    /// marks nor control characters.
    private static func configuration(_ address: WebAddress, _ fields: [String]) -> String {
        let settings = [
            "url = \"\(address)\"", "silent", "show-error", "include", "suppress-connect-headers", "no-buffer", "globoff", "path-as-is",
            "proto = \"=http,https\"", "connect-timeout = 30", "speed-limit = 1", "speed-time = 60",
        ]
        return (settings + fields.map { "header = \"\($0)\"" }).joined(separator: "\n") + "\n"
    }

    /// The head of the answer.
    /// - Throws: ``HubError/connection(_:message:)`` if none came.
    func head() throws -> HTTPHead {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 14, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            if let end = Self.end(of: bytes) {
                guard let head = HTTPHead(bytes[..<end.head]) else { throw HubError.answer("\(address)", message: "no HTTP") }
                // 100 Continue and the like: the answer comes after it.
                if (100...199).contains(head.status) {
                    bytes.removeFirst(end.body)
                    continue
                }
                pending = bytes[end.body...]
                return head
            }
            guard bytes.count < Self.headLimit else { throw HubError.answer("\(address)", message: "its head has no end") }
            let count = try readPipe(buffer)
            guard count > 0 else {
                throw try failure() ?? HubError.connection("\(address)", message: "the connection was closed without an answer")
            }
            bytes += buffer[..<count]
        }
    }

    private static func end(of bytes: [UInt8]) -> (head: Int, body: Int)? {
        var index = 0
        while let line = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) {
            let next = line + 1
            if bytes[next...].starts(with: [UInt8(ascii: "\n")]) { return (line, next + 1) }
            if bytes[next...].starts(with: Array("\r\n".utf8)) { return (line, next + 2) }
            index = next
        }
        return nil
    }

    /// Gives the answer's content piece by piece, to its end.
    /// - Throws: ``HubError/connection(_:message:)`` if it ended too early, and what the body
    ///   throws.
    func content(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try pending.withUnsafeBytes { if !$0.isEmpty { try body($0) } }
        pending = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try readPipe(buffer)
            if count == 0 { break }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        if let failure = try failure() { throw failure }
    }

    private func readPipe(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = read(output, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw StorageError(operation: "read from", path: "curl") }
        }
    }

    /// Why curl ended, or nil if it did its work.
    private func failure() throws -> HubError? {
        let status = wait()
        guard status != 0 else { return nil }
        let said = errors.text.split(separator: "\n").first.map(String.init) ?? "curl ended with \(status)"
        return HubError.connection("\(address)", message: said)
    }

    /// Waits for curl's end; its exit code, or 128 and the signal that ended it.
    private func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { guard errno == EINTR else { break } }
        hasEnded = true
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
