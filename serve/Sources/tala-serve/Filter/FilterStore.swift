import Filtering
import Foundation
import JSON
import ServingAPI
import Storage

/// Block lists, read again when their files change, and the classifiers that deployments name, each
/// in a process of its own.
actor FilterStore {
    private let spool: Spool
    private let program: String
    private let sockets: String
    private let units: EngineUnits?
    private var lists: [String: (mark: String, list: BlockList)] = [:]
    private var classifiers: [String: EngineHost] = [:]
    private var nextSocket = 0

    /// - Parameters:
    ///   - program: the program `tala-engine`.
    ///   - sockets: a folder for the classifiers' sockets.
    ///   - units: where systemd starts them, if it does.
    init(spool: Spool, program: String, sockets: String, units: EngineUnits?) {
        (self.spool, self.program, self.sockets, self.units) = (spool, program, sockets, units)
    }

    /// The filter of a deployment; nil where it has none.
    /// - Throws: ``APIError`` where a list cannot be read: nothing passes then.
    func filter(of deployment: Deployments.Served) throws(APIError) -> ContentFilter? {
        guard let policy = FilterPolicy(deployment.settings["filter"]) else { return nil }
        var read: [BlockList] = []
        for name in policy.blockLists {
            do { read.append(try list(name)) } catch {
                throw APIError(
                    503, "The content filter cannot read its list \(name): \(error).", code: "content_filter_error", retryAfter: 60)
            }
        }
        let path = deployment.place["filter"]?.string
        return ContentFilter(policy: policy, lists: read, classifier: path.map { classifier($0) })
    }

    private func list(_ name: String) throws -> BlockList {
        let path = spool.path("filters", name + ".txt")
        var information = stat()
        guard !name.contains("/"), !name.hasPrefix("."), stat(path, &information) == 0 else {
            throw StorageError(operation: "read", path: path, errorNumber: ENOENT)
        }
        let mark = "\(information.st_ino) \(information.st_size) \(information.st_mtim.tv_sec).\(information.st_mtim.tv_nsec)"
        if let known = lists[name], known.mark == mark { return known.list }
        let text = String(decoding: try DurableFiles.read(path, limit: BlockList.byteLimit), as: UTF8.self)
        let list = try BlockList(name: name, text)
        lists[name] = (mark, list)
        return list
    }

    private func classifier(_ path: String) -> EngineHost {
        if let host = classifiers[path] { return host }
        nextSocket += 1
        let host = EngineHost(.init(classifier: path), program: program, name: "classifier-\(nextSocket)", sockets: sockets, units: units)
        classifiers[path] = host
        Task { await host.start() }
        return host
    }

    /// Starts the classifiers that deployments name, ends those that none does, and starts again
    /// what has died; for as long as the task lives.
    func watch(_ deployments: Deployments) async {
        while !Task.isCancelled {
            let wanted = Set(await deployments.all.filter { $0.state != "paused" }.compactMap { $0.place["filter"]?.string })
            for path in wanted { await classifier(path).notice() }
            for (path, host) in classifiers where !wanted.contains(path) {
                classifiers[path] = nil
                await host.stop()
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    func stop() async { for host in classifiers.values { await host.stop() } }
}
