import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import ServingAPI

/// Answers HTTP requests: says who may ask, finds the route, and turns what went wrong into the
/// API's errors. What is not in the table of routes is not there.
struct Front: HTTPResponder {
    typealias Context = BasicRequestContext

    let deployments: Deployments
    let spool: Spool
    let keys: KeyStore
    let limiter: RateLimiter
    let catalogue: Catalogue
    let filters: FilterStore
    let counts = RequestCounts()
    let audit: AuditLog
    /// Whether only this machine reaches the server: figures are then for everybody on it.
    let isLocal: Bool
    let hosts: Set<String>
    let origins: Set<String>
    let started = Date()

    /// Bytes of a body at most.
    static let bodyLimit = 4 << 20

    @Sendable func respond(to request: Request, context: Context) async throws -> Response {
        let id = "req_" + Identifier.ulid()
        let began = ContinuousClock.now
        let route = Routes.find(Self.path(request))
        let note = Note()
        var response: Response
        do {
            response = try await answer(request, id, note)
        } catch let error as APIError {
            response = Self.response(error)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            ServerLog.note("\(id): \(error)", .error, [("REQUEST", id)])
            response = Self.response(APIError(500, "The server has failed; its journal says more under \(id).", code: "internal_error"))
        }
        // An answer or an error: the next request on this connection would not be heard.
        if note.isWatched.get() { response.headers[.connection] = "close" }
        response.headers[Self.field("x-request-id")] = id
        response.headers[Self.field("x-content-type-options")] = "nosniff"
        if let origin = request.headers[.origin], origins.contains(origin) {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.vary] = "Origin"
        }
        let time = (ContinuousClock.now - began).components
        let seconds = Double(time.seconds) + Double(time.attoseconds) / 1e18
        let pattern = route.map { "/" + $0.0.words.joined(separator: "/") } ?? "none"
        let (method, status) = (route == nil ? "any" : request.method.rawValue, Int(response.status.code))
        counts.add(.init(route: pattern, method: method, status: status), seconds: seconds)
        if status == 401, request.headers[.authorization] != nil || request.headers[Self.field("api-key")] != nil { counts.addRefusedKey() }
        let asker = note.asker.get()
        audit.note(
            .init(
                request: id, key: asker?.name ?? "", role: asker.map { "\($0.role)" } ?? "", method: method, route: pattern,
                parameters: route?.1 ?? [], status: status, seconds: seconds))
        return response
    }

    /// What is learnt of a request on its way.
    struct Note: Sendable {
        let asker = Locked<KeyStore.Asker?>(nil)
        /// Whether the connection was watched for its end, after which it takes no other request.
        let isWatched = Locked(false)
    }

    private func answer(_ request: Request, _ id: String, _ note: Note) async throws -> Response {
        try checkHost(request)
        let path = Self.path(request)
        guard let (route, parameters) = Routes.find(path) else {
            throw APIError(404, "There is no \(APIError.shown(JSONNode(path))) here.", code: "not_found")
        }
        if request.method == .options, let answer = Self.preflight(request, route, origins) { return answer }
        guard let action = route.actions[request.method] else {
            throw APIError(405, "\(path) is not for \(request.method.rawValue).", code: "method_not_allowed")
        }
        let asker = try keys.asker(request.headers[.authorization], request.headers[Self.field("api-key")])
        note.asker.set(asker)
        guard asker.role >= action.role || route.isOpen || (isLocal && path == "/metrics") else {
            guard asker.isKnown else {
                throw APIError(
                    401, "A key is needed: Authorization: Bearer sk-tala-...", code: "invalid_api_key", type: "authentication_error")
            }
            throw APIError(403, "The role \(asker.role) may not do this; \(action.role) may.", code: "insufficient_role")
        }
        return try await action.run(self, Call(request: request, id: id, parameters: parameters, asker: asker, note: note))
    }

    /// The path without the query; `/v1` and no prefix are the same, and Azure's form names the
    /// deployment in it.
    private static func path(_ request: Request) -> String {
        var path = String(request.uri.path)
        if path.hasPrefix("/v1/") { path = String(path.dropFirst(3)) }
        if path.count > 1, path.hasSuffix("/") { path = String(path.dropLast()) }
        return path
    }

    /// A page from elsewhere must not reach this server by a name that leads here.
    private func checkHost(_ request: Request) throws(APIError) {
        // The first is the request's authority; a second may be meant for somebody else on the way.
        guard request.headers[Self.field("host")] == nil else { throw APIError(400, "The Host header is there twice.", code: "wrong_host") }
        let host = Self.withoutPort(request.head.authority ?? "")
        guard hosts.contains(host) else {
            throw APIError(403, "The Host header \(APIError.shown(JSONNode(host))) is none of this server's names.", code: "wrong_host")
        }
        guard request.method != .get, request.method != .head, let origin = request.headers[.origin], !origins.contains(origin) else {
            return
        }
        let own = origin.split(separator: "/", omittingEmptySubsequences: true).last.map { Self.withoutPort(String($0)) } ?? ""
        guard hosts.contains(own) else {
            throw APIError(403, "Pages of \(APIError.shown(JSONNode(origin))) may not change anything here.", code: "wrong_origin")
        }
    }

    /// What a browser asks before a page of an origin that is named sends a request; nil for
    /// others.
    private static func preflight(_ request: Request, _ route: Routes.Route, _ origins: Set<String>) -> Response? {
        guard let origin = request.headers[.origin], origins.contains(origin) else { return nil }
        var headers: HTTPFields = [
            .accessControlAllowMethods: route.actions.keys.map(\.rawValue).sorted().joined(separator: ", "),
            .accessControlMaxAge: "600",
        ]
        headers[.accessControlAllowHeaders] = "authorization, api-key, content-type, x-stainless-*"
        // Clients add headers of their own; what is asked for is allowed, since none has a right
        // here.
        if let asked = request.headers[.accessControlRequestHeaders] { headers[.accessControlAllowHeaders] = asked }
        return Response(status: .noContent, headers: headers)
    }

    static func withoutPort(_ host: String) -> String {
        if host.hasPrefix("[") { return String(host.prefix { $0 != "]" }.dropFirst()) }
        return String(host.split(separator: ":", omittingEmptySubsequences: false).first ?? "").lowercased()
    }

    // MARK: Responses

    static func field(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }

    static func json(_ node: JSONNode, _ status: Int = 200) -> Response {
        var bytes = JSONWriter().bytes(node)
        bytes.append(10)
        return Response(
            status: .init(code: status), headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func response(_ error: APIError) -> Response {
        var response = json(error.body, error.status)
        if error.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        // Clients send 409 again by themselves, which changes nothing.
        if error.status == 409 { response.headers[field("x-should-retry")] = "false" }
        if let seconds = error.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }
}

/// One request on its way.
struct Call: Sendable {
    var request: Request
    var id: String
    /// What the route's path leaves open.
    var parameters: [String]
    var asker: KeyStore.Asker
    var note: Front.Note

    /// The body, whole.
    /// - Throws: ``APIError`` for one that is too large.
    func bytes(limit: Int = Front.bodyLimit) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        try await readBody { part in
            guard bytes.count + part.readableBytes <= limit else {
                throw APIError(413, "The body has more than \(limit) bytes.", code: "request_too_large")
            }
            bytes += Array(part.readableBytesView)
        }
        return bytes
    }

    /// Reads the body piece by piece.
    /// - Throws: ``APIError`` where it is not what its headers say, and what `take` throws.
    func readBody(_ take: (ByteBuffer) throws -> Void) async throws {
        var parts = request.body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do { part = try await parts.next() } catch {
                // Chunks that are none, or a client that has left in the middle.
                note.isWatched.set(true)
                throw APIError(400, "The body is not as long, or not in the pieces, that its headers say.", code: "invalid_body")
            }
            guard let part else { return }
            try take(part)
        }
    }

    /// What comes on the connection once the body has been read: nothing, or its end.
    var rest: RequestBody {
        note.isWatched.set(true)
        // The request remembers the connection when its body is replaced.
        var request = request
        request.body = RequestBody(buffer: ByteBuffer())
        return request.body
    }

    func json() async throws -> JSONNode {
        let bytes = try await bytes()
        do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
            let place = JSONPosition(of: error.offset, in: bytes)
            throw APIError(400, "The body is not JSON: line \(place.line), column \(place.column): \(error).", code: "invalid_json")
        }
    }

    func query(_ name: String) -> String? { request.uri.queryParameters[Substring(name)].map(String.init) }
}

enum Identifier {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// 48 bits of milliseconds, 80 random bits.
    static func ulid() -> String {
        let milliseconds = UInt64(max(0, Date().timeIntervalSince1970 * 1000))
        var characters = stride(from: 45, through: 0, by: -5).map { alphabet[Int(milliseconds >> UInt64($0) & 31)] }
        for _ in 0..<16 { characters.append(alphabet[Int.random(in: 0..<32)]) }
        return String(decoding: characters, as: UTF8.self)
    }
}
