import HTTPTypes
import Hummingbird
import ServingAPI

/// What a key may do, each what those before it may.
enum Role: Int, Comparable, Sendable, CustomStringConvertible, CaseIterable {
    case nobody, viewer, user, developer, `operator`, admin

    static func < (a: Role, b: Role) -> Bool { a.rawValue < b.rawValue }

    var description: String {
        switch self {
        case .nobody: "nobody"
        case .viewer: "viewer"
        case .user: "user"
        case .developer: "developer"
        case .operator: "operator"
        case .admin: "admin"
        }
    }

    init?(_ word: String) {
        guard let role = Self.allCases.first(where: { $0.description == word }), role != .nobody else { return nil }
        self = role
    }
}

/// The table of everything that there is; nothing else is answered.
struct Routes: Sendable {
    struct Action: Sendable {
        var role: Role
        var run: @Sendable (Front, Call) async throws -> Response
    }
    struct Route: Sendable {
        /// Words of the path; `*` is any one word, `**` the rest.
        var words: [String]
        /// Whether no key is needed.
        var isOpen = false
        var actions: [HTTPRequest.Method: Action]
    }

    static let all: [Route] = [
        route("/health", isOpen: true, [.get: (.nobody, { _, _ in Front.json(["status": "ok"]) })]),
        route("/ready", isOpen: true, [.get: (.nobody, { try await $0.ready($1) })]),
        route("/version", [.get: (.viewer, { _, _ in Front.json(["version": "0.1.0"]) })]),
        route("/chat/completions", [.post: (.user, { try await $0.text($1, isChat: true) })]),
        route("/completions", [.post: (.user, { try await $0.text($1, isChat: false) })]),
        route("/embeddings", [.post: (.user, { try await $0.embeddings($1) })]),
        route("/openai/deployments/*/embeddings", [.post: (.user, { try await $0.embeddings($1) })]),
        route("/moderations", [.post: (.user, { try await $0.moderations($1) })]),
        route("/responses", [.post: (.user, { try await $0.responses($1) })]),
        route("/chat/completions/input_tokens", [.post: (.user, { try await $0.inputTokens($1) })]),
        route("/apply-template", [.post: (.user, { try await $0.applyTemplate($1) })]),
        route("/tokenizer_info", [.get: (.user, { try await $0.tokenizerInfo($1) })]),
        route("/tokenize", [.post: (.user, { try await $0.tokenize($1) })]),
        route("/detokenize", [.post: (.user, { try await $0.detokenize($1) })]),
        route("/openai/deployments/*/chat/completions", [.post: (.user, { try await $0.text($1, isChat: true) })]),
        route("/openai/deployments/*/completions", [.post: (.user, { try await $0.text($1, isChat: false) })]),
        route("/models", [.get: (.viewer, { try await $0.models($1) })]),
        route("/models/*", [.get: (.viewer, { try await $0.model($1) }), .delete: (.admin, { try await $0.deleteModel($1) })]),
        route("/deployments", [.get: (.viewer, { try await $0.listDeployments($1) })]),
        route(
            "/deployments/*",
            [
                .get: (.viewer, { try await $0.showDeployment($1) }), .put: (.operator, { try await $0.putDeployment($1) }),
                .delete: (.operator, { try await $0.deleteDeployment($1) }),
            ]),
        route("/deployments/*/pause", [.post: (.operator, { try await $0.pauseDeployment($1, true) })]),
        route("/deployments/*/resume", [.post: (.operator, { try await $0.pauseDeployment($1, false) })]),
        route("/fine_tuning/jobs", [.get: (.viewer, { try await $0.jobs($1) }), .post: (.developer, { try await $0.createJob($1) })]),
        route("/fine_tuning/jobs/*", [.get: (.viewer, { try await $0.job($1) })]),
        route("/fine_tuning/jobs/*/events", [.get: (.viewer, { try await $0.events($1) })]),
        route("/fine_tuning/jobs/*/checkpoints", [.get: (.viewer, { try await $0.checkpoints($1) })]),
        route("/fine_tuning/jobs/*/metrics", [.get: (.viewer, { try await $0.metrics($1) })]),
        route("/fine_tuning/jobs/*/preview", [.get: (.developer, { try await $0.preview($1) })]),
        route("/tala/catalogue", [.get: (.viewer, { try await $0.listCatalogue($1) })]),
        route("/fine_tuning/jobs/*/cancel", [.post: (.developer, { try await $0.control($1, "cancel") })]),
        route("/fine_tuning/jobs/*/pause", [.post: (.developer, { try await $0.control($1, "pause") })]),
        route("/fine_tuning/jobs/*/resume", [.post: (.developer, { try await $0.control($1, "resume") })]),
        route("/files", [.get: (.developer, { try await $0.files($1) }), .post: (.developer, { try await $0.upload($1) })]),
        route("/files/*", [.get: (.developer, { try await $0.file($1) }), .delete: (.developer, { try await $0.deleteFile($1) })]),
        route("/files/*/content", [.get: (.developer, { try await $0.fileContent($1) })]),
        route("/uploads", [.post: (.developer, { try await $0.createUpload($1) })]),
        route("/uploads/*/parts", [.post: (.developer, { try await $0.addPart($1) })]),
        route("/uploads/*/complete", [.post: (.developer, { try await $0.completeUpload($1) })]),
        route("/uploads/*/cancel", [.post: (.developer, { try await $0.cancelUpload($1) })]),
        route("/metrics", [.get: (.viewer, { try await $0.prometheus($1) })]),
        route("/", isOpen: true, [.get: (.nobody, { try $0.page("dashboard.html", $1) })]),
        route("/playground", isOpen: true, [.get: (.nobody, { try $0.page("playground.html", $1) })]),
        route("/dashboard", isOpen: true, [.get: (.nobody, { try $0.page("dashboard.html", $1) })]),
        route("/tune", isOpen: true, [.get: (.nobody, { try $0.page("tune.html", $1) })]),
        route("/assets/*", isOpen: true, [.get: (.nobody, { try $0.page($1.parameters[0], $1) })]),
    ]

    private static func route(
        _ path: String, isOpen: Bool = false,
        _ actions: [HTTPRequest.Method: (Role, @Sendable (Front, Call) async throws -> Response)]
    ) -> Route {
        Route(
            words: path.split(separator: "/").map(String.init), isOpen: isOpen,
            actions: actions.mapValues { Action(role: $0.0, run: $0.1) })
    }

    /// The route of a path, and the words that it leaves open.
    static func find(_ path: String) -> (Route, [String])? {
        guard path.hasPrefix("/") else { return nil }
        let words = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { $0.removingPercentEncoding }
        // Bytes that are no text name nothing.
        guard !words.contains(nil) else { return nil }
        let asked = words == [""] ? [] : words.compactMap { $0 }
        for route in all where route.words.count == asked.count {
            var open: [String] = []
            let fits = zip(route.words, asked).allSatisfy { word, given in
                if word == "*" { open.append(given) }
                return word == given || (word == "*" && !given.isEmpty)
            }
            if fits { return (route, open) }
        }
        return nil
    }
}
