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
        /// What is wrong with a version of its file that came after this one.
        var slip: String?
        /// What the version is doing that is to take this one's place.
        var next: String?

        var settings: JSONNode { document["settings"] ?? [:] }
        var place: JSONNode { document["place"] ?? [:] }
        /// What its engine must be started with to answer for it; nil: it is not known where its model
        /// lies.
        var needs: EngineHost.Arguments? {
            EngineHost.Arguments(settings: settings, place: place)
        }
        var terms: DeploymentTerms { DeploymentTerms(name: name, adapter: adapter, settings: settings) }
    }

    let spool: String
    let program: String
    let sockets: String
    let units: EngineUnits?
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
    let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    var hosts: [String: EngineHost] = [:]
    /// Engines whose place another has taken, and by which something may still answer.
    var leaving: [EngineHost] = []
    /// Engines that are to take the place of others.
    var coming: [String: EngineHost] = [:]
    /// Deployments that no engine could be started for, so that their neighbours have one.
    var turnedAway: [String: TurnedAway] = [:]
    private var written: [String: String] = [:]
    var nextSocket = 0

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
        for (name, document) in found {
            let former = served[name]
            // A slip of the pen takes nothing off the air that answers; a right that is lost does.
            let isSlip = document["state"]?.string == "failed" && document["error"]?["code"]?.string != "not_allowed"
            if isSlip, former?.document["state"]?.string == "accepted", former?.host != nil {
                served[name]?.slip = document["error"]?["message"]?.string
                continue
            }
            guard former?.document != document else {
                served[name]?.slip = nil
                continue
            }
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

    func isPaused(_ name: String) -> Bool { FolderListing.exists(folder + "/.paused/" + name) }

    /// Brings a deployment to its engine.
    private func arrange(_ name: String) async {
        guard var deployment = served[name] else { return }
        func set(_ deployment: inout Served, _ state: String, _ error: String? = nil) {
            if deployment.state != state { deployment.since = Int(Date().timeIntervalSince1970) }
            (deployment.state, deployment.error, deployment.next) = (state, error, nil)
        }
        if deployment.document["state"]?.string != "accepted" {
            set(&deployment, "failed", deployment.document["error"]?["message"]?.string)
            deployment.host = nil
        } else if isPaused(name) {
            set(&deployment, "paused")
            deployment.host = nil
        } else if sleeping.contains(name) {
            set(&deployment, "idle")
            deployment.host = nil
        } else {
            await arrange(&deployment) { set(&$0, $1, $2) }
        }
        if let slip = deployment.slip, deployment.state == "ready" {
            (deployment.next, deployment.error) = ("failed", "the new version cannot be served, the former one answers: \(slip)")
        }
        // Counted meanwhile.
        if let now = served[name] {
            (deployment.requests, deployment.tokens, deployment.load) = (now.requests, now.tokens, now.load)
        }
        if served[name]?.document == deployment.document { served[name] = deployment }
    }

    /// Brings a deployment that is to answer to its engine. A version before this one answers until
    /// this one can.
    /// - Parameter set: notes another state of it.
    private func arrange(_ deployment: inout Served, _ set: (inout Served, String, String?) -> Void) async {
        guard let needs = deployment.needs else { return }
        let (host, folder) = (hosts[needs.group], deployment.place["adapter"]?.string)
        let refusal = turnedAway[deployment.name]?.message
        // Another engine is coming that has room for what this one has not.
        let mustWait = coming[needs.group] != nil && host.map { !$0.arguments.suffices(for: needs) } ?? true
        let isFormer = refusal != nil || mustWait || deployment.host !== host || deployment.adapter != folder
        let hasFormer = isFormer ? await deployment.host?.state == .ready : false
        func wait(_ word: String) { if hasFormer { deployment.next = word } else { set(&deployment, word, nil) } }
        func fail(_ message: String) {
            guard hasFormer else {
                deployment.host = nil
                return set(&deployment, "failed", message)
            }
            (deployment.next, deployment.error) = ("failed", "the new version cannot be served, the former one answers: \(message)")
        }
        if let refusal { return fail(refusal) }
        guard let host, !mustWait else { return wait("loading") }
        switch await host.state {
        case .loading: wait("loading")
        case .failed(let message): fail(message)
        case .ready:
            if let folder, let message = await host.load(folder, folder) { return fail(message) }
            switch await replayed(deployment, on: host, adapter: folder) {
            case nil: wait("replaying")
            case .failed(let message): fail(message)
            case .passed:
                set(&deployment, "ready", nil)
                (deployment.host, deployment.adapter) = (host, folder)
            }
        }
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
