import Foundation
import JSON
import ServingAPI
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
        /// What the engine has in hand, as it said last.
        var load: JSONNode?
        /// What the version is doing that is to take this one's place.
        var next: String?

        var settings: JSONNode { document["settings"] ?? [:] }
        var place: JSONNode { document["place"] ?? [:] }
        /// What its engine must be started with to answer for it; nil: it is not known where its model
        /// lies.
        var needs: EngineHost.Arguments? {
            guard let base = place["base"]?.string else { return nil }
            return EngineHost.Arguments(
                base: base, device: settings["device"]?.string ?? "auto", baseWeights: settings["base_weights"]?.string ?? "stored",
                cacheType: settings["cache_type"]?.string ?? "float32", contextLength: terms.contextLength,
                slots: settings["slots"]?.integer ?? 8, cacheMemory: settings["cache_memory"]?.integer ?? 0,
                adapterRank: place["adapter"] == nil ? 0 : place["rank"]?.integer ?? 0)
        }
        var terms: DeploymentTerms { DeploymentTerms(name: name, adapter: adapter, settings: settings) }
    }

    let spool: String
    private let program: String
    private let sockets: String
    private let units: EngineUnits?
    let filters: FilterStore
    var served: [String: Served] = [:]
    /// What was found by replaying the job's examples, by deployment.
    var replays: [String: Replayed] = [:]
    /// When each deployment was last asked, and those that sleep since.
    var lastUse: [String: ContinuousClock.Instant] = [:]
    var sleeping: Set<String> = []
    /// Those that requests wait for.
    var waking: Set<String> = []
    /// When the engines were last asked what they have in hand.
    private var lastAsk = ContinuousClock.now - .seconds(2)
    /// Rung when something has changed that a deployment may have waited for.
    private let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private var hosts: [String: EngineHost] = [:]
    /// Engines whose place another has taken, and by which something may still answer.
    private var leaving: [EngineHost] = []
    /// Engines that are to take the place of others.
    private var coming: [String: EngineHost] = [:]
    private var written: [String: String] = [:]
    private var nextSocket = 0

    init(spool: String, program: String, sockets: String, units: EngineUnits?, filters: FilterStore) {
        (self.spool, self.program, self.sockets, self.units, self.filters) = (spool, program, sockets, units, filters)
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

    /// Looks what has changed, when the bell is rung and every now and then, for as long as the task
    /// lives: files change without a word, an engine that has become ready says so.
    func watch() async {
        let ticking = Task { [bell] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(500))
                bell.yield()
            }
        }
        defer { ticking.cancel() }
        await look()
        for await _ in rings { await look() }
    }

    /// Has the deployments looked at as soon as may be.
    nonisolated func ring() { bell.yield() }

    /// Ends all engines.
    func stop() async { for host in Array(hosts.values) + Array(coming.values) + leaving { await host.stop() } }

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
            (served[name], replays[name], lastUse[name]) = (nil, nil, nil)
            sleeping.remove(name)
            FolderListing.delete(folder + "/.state/" + name + ".json")
            written[name] = nil
        }
        for (name, document) in found where served[name]?.document != document {
            let former = served[name]
            served[name] = Served(
                name: name, document: document, host: former?.host, adapter: former?.adapter, state: former?.state ?? "accepted",
                error: nil,
                since: former?.since ?? Int(Date().timeIntervalSince1970), requests: former?.requests ?? 0, tokens: former?.tokens ?? 0)
        }
        await noteSleep()
        if ContinuousClock.now - lastAsk >= .seconds(2) {
            lastAsk = .now
            askLoads()
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
        for deployment in all
        where deployment.document["state"]?.string == "accepted" && !isPaused(deployment.name) && !sleeping.contains(deployment.name) {
            guard let needs = deployment.needs else { continue }
            groups[needs.group, default: needs].widen(for: needs)
            if let adapter = deployment.place["adapter"]?.string { adapters[needs.group, default: []].insert(adapter) }
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
        // What still answers until another takes its place stays.
        for (key, host) in hosts where wanted[key] == nil && !answers(host) {
            hosts[key] = nil
            Task { await host.retire() }
        }
        for host in leaving where !answers(host) { Task { await host.retire() } }
        leaving.removeAll { !answers($0) }
        for (key, host) in coming where wanted[key] == nil {
            coming[key] = nil
            Task { await host.retire() }
        }
        for (key, host) in hosts {
            for adapter in await host.adapters where adapters[key]?.contains(adapter) != true && !answers(host, with: adapter) {
                await host.unload(adapter)
            }
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
                if let former { leaving.append(former) }
                continue
            }
            nextSocket += 1
            let host = EngineHost(
                arguments, program: program, name: "engine-\(nextSocket)", sockets: sockets, units: units, onChange: { [bell] in bell.yield() })
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
            (deployment.state, deployment.error, deployment.next) = (state, error, nil)
        }
        if deployment.document["state"]?.string != "accepted" {
            set("failed", deployment.document["error"]?["message"]?.string)
            deployment.host = nil
        } else if isPaused(name) {
            set("paused")
            deployment.host = nil
        } else if sleeping.contains(name) {
            set("idle")
            deployment.host = nil
        } else {
            if let needs = deployment.needs, let host = hosts[needs.group] {
                let folder = deployment.place["adapter"]?.string
                // Another engine is coming that has room for what this one has not.
                let mustWait = coming[needs.group] != nil && !host.arguments.suffices(for: needs)
                // A version before this one answers until this one can.
                let isFormer = mustWait || deployment.host !== host || deployment.adapter != folder
                let hasFormer = isFormer ? await deployment.host?.state == .ready : false
                func wait(_ word: String) { if hasFormer { deployment.next = word } else { set(word) } }
                func fail(_ message: String) {
                    guard hasFormer else {
                        deployment.host = nil
                        return set("failed", message)
                    }
                    (deployment.next, deployment.error) = ("failed", "the new version cannot be served, the former one answers: \(message)")
                }
                switch await host.state {
                case _ where mustWait: wait("loading")
                case .loading: wait("loading")
                case .failed(let message): fail(message)
                case .ready:
                    if let folder, let message = await host.load(folder, folder) {
                        fail(message)
                    } else {
                        switch await replayed(deployment, on: host, adapter: folder) {
                        case nil: wait("replaying")
                        case .failed(let message): fail(message)
                        case .passed:
                            set("ready")
                            (deployment.host, deployment.adapter) = (host, folder)
                        }
                    }
                }
            }
        }
        // Counted meanwhile.
        if let now = served[name] {
            (deployment.requests, deployment.tokens, deployment.load) = (now.requests, now.tokens, now.load)
        }
        if served[name]?.document == deployment.document { served[name] = deployment }
    }

    /// Writes the states that have changed.
    private func report() {
        for deployment in all {
            var members: [JSONMember] = [
                JSONMember("state", JSONNode(deployment.state)), JSONMember("since", JSONNode(deployment.since)),
                JSONMember("requests", JSONNode(deployment.requests)), JSONMember("tokens", JSONNode(deployment.tokens)),
            ]
            if let load = deployment.load { members.append(JSONMember("load", load)) }
            if let next = deployment.next { members.append(JSONMember("next", JSONNode(next))) }
            if let error = deployment.error { members.append(JSONMember("error", ["message": JSONNode(error)])) }
            let text = JSONWriter(isIndented: true).string(JSONNode(members)) + "\n"
            guard written[deployment.name] != text else { continue }
            if (try? DurableFiles.replace(folder + "/.state/" + deployment.name + ".json", with: text, durably: false)) != nil {
                written[deployment.name] = text
            }
        }
    }
}
