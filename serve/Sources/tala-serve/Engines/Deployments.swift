import Foundation
import JSON
import Storage

/// What is served, as the daemon has accepted it, and the engines that serve it.
actor Deployments {
    /// One deployment that requests may name.
    struct Served: Sendable {
        var name: String
        var document: JSONNode
        var host: EngineHost?
        /// The adapter's name in the engine: it says which files it is.
        var adapter: String?
        var state: String
        var error: String?
        var since: Int
        var requests = 0
        var tokens = 0

        var settings: JSONNode { document["settings"] ?? [:] }
        var place: JSONNode { document["place"] ?? [:] }
    }

    private let spool: String
    private let program: String
    private let sockets: String
    private var served: [String: Served] = [:]
    private var hosts: [String: EngineHost] = [:]
    /// Engines that are to take the place of others.
    private var coming: [String: EngineHost] = [:]
    private var written: [String: String] = [:]
    private var nextSocket = 0

    init(spool: String, program: String, sockets: String) {
        (self.spool, self.program, self.sockets) = (spool, program, sockets)
    }

    private var folder: String { spool + "/deployments" }

    /// The deployments in alphabetical order.
    var all: [Served] { served.values.sorted { $0.name < $1.name } }

    func deployment(_ name: String) -> Served? { served[name] }

    /// Counts what a request took.
    func count(_ name: String, tokens: Int) {
        served[name]?.requests += 1
        served[name]?.tokens += tokens
    }

    /// Looks what has changed, every now and then, for as long as the task lives.
    func watch() async {
        while !Task.isCancelled {
            await look()
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Ends all engines.
    func stop() async { for host in Array(hosts.values) + Array(coming.values) { await host.stop() } }

    private func look() async {
        let files = (try? FolderListing.names(in: folder + "/.accepted")) ?? []
        var found: [String: JSONNode] = [:]
        for file in files where file.hasSuffix(".json") && !file.hasPrefix(".") {
            guard let bytes = try? DurableFiles.read(folder + "/.accepted/" + file, limit: 1 << 20),
                let document = try? JSONParser().parse(bytes)
            else { continue }
            found[String(file.dropLast(5))] = document
        }
        for name in served.keys where found[name] == nil {
            served[name] = nil
            FolderListing.delete(folder + "/.state/" + name + ".json")
            written[name] = nil
        }
        for (name, document) in found where served[name]?.document != document {
            let former = served[name]
            served[name] = Served(
                name: name, document: document, host: former?.host, adapter: former?.adapter, state: former?.state ?? "accepted",
                error: nil,
                since: Int(Date().timeIntervalSince1970), requests: former?.requests ?? 0, tokens: former?.tokens ?? 0)
        }
        await arrangeEngines()
        for name in served.keys { await arrange(name) }
        report()
    }

    private func isPaused(_ name: String) -> Bool { FolderListing.exists(folder + "/.paused/" + name) }

    /// What the engines must have so that everything can be served.
    /// - Returns: by group what an engine is started with, and the adapters that it is to hold.
    private func wanted() -> (engines: [String: EngineHost.Arguments], adapters: [String: Set<String>]) {
        var groups: [String: EngineHost.Arguments] = [:]
        var adapters: [String: Set<String>] = [:]
        for deployment in all where deployment.document["state"]?.string == "accepted" && !isPaused(deployment.name) {
            let (settings, place) = (deployment.settings, deployment.place)
            guard let base = place["base"]?.string else { continue }
            let fresh = EngineHost.Arguments(
                base: base, device: settings["device"]?.string ?? "auto", baseWeights: settings["base_weights"]?.string ?? "stored",
                cacheType: settings["cache_type"]?.string ?? "float32")
            var group = groups[fresh.group] ?? fresh
            group.contextLength = max(group.contextLength, settings["context_length"]?.integer ?? 2048)
            group.slots = max(group.slots, settings["slots"]?.integer ?? 8)
            group.queue = max(group.queue, settings["queue"]?.integer ?? 64)
            group.cacheMemory = max(group.cacheMemory, settings["cache_memory"]?.integer ?? 0)
            if let adapter = place["adapter"]?.string {
                group.adapterRank = max(group.adapterRank, place["rank"]?.integer ?? 0)
                adapters[fresh.group, default: []].insert(adapter)
            }
            groups[fresh.group] = group
        }
        for (key, group) in groups {
            var group = group
            // Room for another that is deployed later, and for one that is on its way out.
            group.adapterSlots = ((adapters[key]?.count ?? 0) + 4) / 4 * 4
            group.readable = [spool + "/jobs"]
            groups[key] = group
        }
        return (groups, adapters)
    }

    /// Starts, replaces and ends engines. One that is replaced answers until the new one is ready,
    /// and ends what it has begun.
    private func arrangeEngines() async {
        let (wanted, adapters) = self.wanted()
        for (key, host) in hosts where wanted[key] == nil {
            hosts[key] = nil
            Task { await host.retire() }
        }
        for (key, host) in coming where wanted[key] == nil {
            coming[key] = nil
            Task { await host.retire() }
        }
        for (key, host) in hosts {
            for adapter in await host.adapters where adapters[key]?.contains(adapter) != true { await host.unload(adapter) }
        }
        for (key, arguments) in wanted {
            if let host = hosts[key] {
                await host.notice()
                if host.arguments.suffices(for: arguments) { continue }
            }
            if let next = coming[key], next.arguments.suffices(for: arguments) {
                // What fails takes the old one's place too: its error is to be seen.
                if await next.state == .loading { continue }
                let former = hosts[key]
                (hosts[key], coming[key]) = (next, nil)
                if let former { Task { await former.retire() } }
                continue
            }
            nextSocket += 1
            let host = EngineHost(arguments, program: program, socket: sockets + "/engine-\(nextSocket)")
            if let former = coming[key] { Task { await former.retire() } }
            if hosts[key] == nil { hosts[key] = host } else { coming[key] = host }
            Task { await host.start() }
        }
    }

    /// Brings a deployment to its engine.
    private func arrange(_ name: String) async {
        guard var deployment = served[name] else { return }
        func set(_ state: String, _ error: String? = nil) {
            if deployment.state != state { deployment.since = Int(Date().timeIntervalSince1970) }
            (deployment.state, deployment.error) = (state, error)
        }
        if deployment.document["state"]?.string != "accepted" {
            set("failed", deployment.document["error"]?["message"]?.string)
            deployment.host = nil
        } else if isPaused(name) {
            set("paused")
            deployment.host = nil
        } else {
            let settings = deployment.settings
            let key = EngineHost.Arguments(
                base: deployment.place["base"]?.string ?? "", device: settings["device"]?.string ?? "auto",
                baseWeights: settings["base_weights"]?.string ?? "stored", cacheType: settings["cache_type"]?.string ?? "float32"
            ).group
            if let host = hosts[key] {
                switch await host.state {
                case .loading: set("loading")
                case .failed(let message): set("failed", message)
                case .ready:
                    let folder = deployment.place["adapter"]?.string
                    if let folder, let message = await host.load(folder, folder) {
                        set("failed", message)
                    } else {
                        set("ready")
                        (deployment.host, deployment.adapter) = (host, folder)
                    }
                }
            }
        }
        // Counted meanwhile.
        if let now = served[name] { (deployment.requests, deployment.tokens) = (now.requests, now.tokens) }
        if served[name] != nil { served[name] = deployment }
    }

    /// Writes the states that have changed.
    private func report() {
        for deployment in all {
            var members: [JSONMember] = [
                JSONMember("state", JSONNode(deployment.state)), JSONMember("since", JSONNode(deployment.since)),
                JSONMember("requests", JSONNode(deployment.requests)), JSONMember("tokens", JSONNode(deployment.tokens)),
            ]
            if let error = deployment.error { members.append(JSONMember("error", ["message": JSONNode(error)])) }
            let text = JSONWriter(isIndented: true).string(JSONNode(members)) + "\n"
            guard written[deployment.name] != text else { continue }
            if (try? DurableFiles.replace(folder + "/.state/" + deployment.name + ".json", with: text, durably: false)) != nil {
                written[deployment.name] = text
            }
        }
    }
}
