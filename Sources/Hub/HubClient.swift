import Glibc
import Storage

/// Asks a hub: follows where it sends on, waits where it asks for patience, tries again where a
/// connection broke.
package struct HubClient: Sendable {
    package let endpoint: HubEndpoint
    /// Waits so many seconds.
    private let pause: @Sendable (Double) -> Void

    private static let redirectLimit = 5
    /// Attempts in a row that bring nothing.
    private static let attemptLimit = 6
    /// Whoever asks for more patience than these seconds is reported.
    private static let patience = 300

    package init(_ endpoint: HubEndpoint, pause: @escaping @Sendable (Double) -> Void = { usleep(UInt32(min($0, 4000) * 1e6)) }) {
        self.endpoint = endpoint
        self.pause = pause
    }

    /// One request and those to which its answers send on.
    /// - Parameters:
    ///   - first: the first byte that is wanted.
    ///   - receive: given the head of the answer, takes its content. Only answers of success come
    ///     here.
    /// - Throws: ``HubError``, ``StorageError``, and what `receive` throws.
    func request(_ start: WebAddress, from first: Int = 0, receive: (HTTPHead, UnsafeRawBufferPointer) throws -> Void) throws {
        var address = start
        for _ in 0...Self.redirectLimit {
            let token = endpoint.token(for: address.origin)
            var fields = ["User-Agent: tala"]
            if let token { fields.append("Authorization: Bearer \(token)") }
            if first > 0 { fields.append("Range: bytes=\(first)-") }
            let process = try CurlProcess(address, fields: fields)
            let head = try process.head()
            switch head.status {
            case 200...299: return try process.content { try receive(head, $0) }
            case 301, 302, 303, 307, 308:
                let target = head["location"] ?? "nowhere"
                guard let next = address.following(target), next.origin.scheme == "https" || address.origin.scheme == "http" else {
                    throw HubError.redirect(from: "\(address)", to: target)
                }
                address = next
            default:
                throw HubError.refused(
                    HTTPRefusal(
                        status: head.status, address: "\(address)", code: head["x-error-code"],
                        retryAfter: head["retry-after"].flatMap { Int($0) }, hadToken: token != nil,
                        keptTokenBack: token == nil && endpoint.token != nil && address.origin == endpoint.address.origin))
            }
        }
        throw HubError.redirect(from: "\(start)", to: "more than \(Self.redirectLimit) addresses, one after another")
    }

    /// The whole of a short answer.
    func answer(_ address: WebAddress, limit: Int) throws -> [UInt8] {
        try persistently { _ in
            var bytes: [UInt8] = []
            try request(address) { _, part in
                guard part.count <= limit - bytes.count else { throw HubError.tooLarge(file: "\(address)", limit: limit) }
                bytes += part
            }
            return bytes
        }
    }

    /// Does something again as long as what failed may pass.
    /// - Parameter body: is given a closure to call whenever it has come further: the attempts then
    ///   count anew.
    func persistently<Result>(_ body: (_ cameFurther: () -> Void) throws -> Result) throws -> Result {
        var attempts = 0
        while true {
            do { return try body { attempts = 0 } } catch let error as HubError where error.isPassing {
                attempts += 1
                guard attempts < Self.attemptLimit, let seconds = Self.wait(error, attempts) else { throw error }
                pause(seconds)
            }
        }
    }

    /// Seconds before the next attempt; nil where it is not worth waiting for.
    private static func wait(_ error: HubError, _ attempts: Int) -> Double? {
        if case .refused(let refusal) = error, let seconds = refusal.retryAfter {
            return (0...patience).contains(seconds) ? Double(seconds) : nil
        }
        return Double(1 << min(attempts - 1, 6))
    }
}
