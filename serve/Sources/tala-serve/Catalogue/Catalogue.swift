import Foundation
import JSON
import Storage

/// What can be tuned: the models of a spool, and the results of its jobs. Each model is looked at
/// once, and again when its files have changed.
actor Catalogue {
    private let spool: Spool
    /// The program `tala-engine`.
    nonisolated let program: String
    private var known: [String: (mark: String, facts: JSONNode)] = [:]
    /// Models that are being looked at.
    private var looking: [String: Task<JSONNode, Never>] = [:]

    init(spool: Spool, program: String) { (self.spool, self.program) = (spool, program) }

    /// Every model by name, then the tuned ones, the newest first.
    func entries() async -> [JSONNode] {
        var all: [JSONNode] = []
        for name in names {
            let facts = await facts(name)
            all.append(
                JSONNode(
                    [JSONMember("id", JSONNode(name)), JSONMember("object", "tala.tunable"), JSONMember("kind", "base")]
                        + (facts.object ?? [])))
        }
        return all + tuned(bases: all)
    }

    /// Names in `models/` that may hold a model: `NAME` and `OWNER/NAME`.
    private var names: [String] {
        folders(spool.path("models")).flatMap { name -> [String] in
            let path = spool.path("models", name)
            if Self.holdsModel(path) { return [name] }
            return folders(path).filter { Self.holdsModel(path + "/" + $0) }.map { name + "/" + $0 }
        }
    }

    private func folders(_ path: String) -> [String] {
        ((try? FolderListing.names(in: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// By the names of its files alone, or by its own where it is a file.
    private static func holdsModel(_ path: String) -> Bool {
        let names = (try? FolderListing.names(in: path)) ?? [(path as NSString).lastPathComponent]
        return names.contains { $0 == "config.json" || $0.hasSuffix(".gguf") || $0.hasSuffix(".safetensors") }
    }

    private func facts(_ name: String) async -> JSONNode {
        let path = spool.path("models", name)
        let mark = Self.mark(path)
        if let found = known[name], found.mark == mark { return found.facts }
        if let task = looking[name] { return await task.value }
        let program = program
        let task = Task { () -> JSONNode in
            switch await EngineQuestion.ask(program, ["--describe", "--model", path]) {
            case .answer(let node): node
            case .failure(let message): ["trainable": false, "reason": JSONNode(message), "methods": []]
            }
        }
        looking[name] = task
        let facts = await task.value
        looking[name] = nil
        known[name] = (mark, facts)
        return facts
    }

    /// Changes when a file of the model does.
    private static func mark(_ path: String) -> String {
        let names = (try? FolderListing.names(in: path)) ?? []
        return ([path] + names.sorted().map { path + "/" + $0 }).map { file in
            var information = stat()
            guard stat(file, &information) == 0 else { return "" }
            return "\(information.st_ino) \(information.st_size) \(information.st_mtim.tv_sec).\(information.st_mtim.tv_nsec)"
        }.joined(separator: "|")
    }

    /// Finished jobs, whose results training can go on from.
    private func tuned(bases: [JSONNode]) -> [JSONNode] {
        spool.jobs.reversed().compactMap { id -> JSONNode? in
            guard let status = spool.json(spool.path("jobs", id, "status.json")), status["status"]?.string == "succeeded",
                let name = status["fine_tuned_model"]?.string
            else { return nil }
            let base = bases.first { $0["id"]?.string == status["model"]?.string }
            var members: [JSONMember] = [
                JSONMember("id", JSONNode(id)), JSONMember("object", "tala.tunable"), JSONMember("kind", "tuned"),
                JSONMember("name", JSONNode(name)), JSONMember("base", status["model"] ?? .null),
                JSONMember("suffix", status["user_provided_suffix"] ?? .null), JSONMember("created_at", status["created_at"] ?? .null),
            ]
            members += (base?.object ?? []).filter { !["id", "object", "kind", "licence"].contains($0.key) }
            return JSONNode(members)
        }
    }
}
