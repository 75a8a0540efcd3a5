import Foundation
import JSON
import ServingAPI
import Storage

/// What is done before a deployment answers: examples are replayed; and what wakes it.
extension Deployments {
    /// The replay of a deployment on an engine.
    struct Replayed {
        /// What was replayed on what; another one is replayed again.
        var mark: String
        /// Nil while it is under way.
        var outcome: Replay.Outcome?
    }

    /// Whether a deployment answers by an engine, and by an adapter there.
    func answers(_ host: EngineHost, with adapter: String? = nil) -> Bool {
        served.values.contains { $0.host === host && (adapter == nil || $0.adapter == adapter) }
    }

    /// What the replay of a deployment's job has found; nil while it goes on. Nothing is replayed
    /// where no job has recorded anything, or the deployment wants none.
    func replayed(_ deployment: Served, on host: EngineHost, adapter: String?) async -> Replay.Outcome? {
        let isResult = deployment.settings["model"]?.string.map { !$0.contains(":") } ?? false
        guard deployment.settings["replay"]?.bool != false, isResult, let job = deployment.place["job"]?.string, Spool.isJob(job) else {
            return .passed(0)
        }
        let mark =
            host.socket
            + JSONWriter().string([deployment.place, deployment.settings["base_weights"] ?? .null, deployment.settings["filter"] ?? .null])
        if let known = replays[deployment.name], known.mark == mark { return known.outcome }
        guard let link = await host.link else { return nil }
        guard let record = Spool(root: spool).json(spool + "/jobs/" + job + "/replay.json", limit: 16 << 20) else { return .passed(0) }
        replays[deployment.name] = Replayed(mark: mark)
        let (name, filters) = (deployment.name, filters)
        Task {
            let filter: ContentFilter?
            do throws(APIError) { filter = try await filters.filter(of: deployment) } catch { return note(.failed(error.message), of: name, mark) }
            let replay = Replay(
                link: link, adapter: adapter, baseWeights: deployment.settings["base_weights"]?.string ?? "stored",
                contextLength: deployment.terms.contextLength, filter: filter)
            let outcome = await replay.run(record)
            note(outcome, of: name, mark)
        }
        return nil
    }

    private func note(_ outcome: Replay.Outcome, of name: String, _ mark: String) {
        guard replays[name]?.mark == mark else { return }
        replays[name]?.outcome = outcome
        ring()
        switch outcome {
        case .passed(let count):
            ServerLog.note("deployment \(name): \(count) examples of its job computed again, with the losses that the job had")
        case .failed(let message): ServerLog.note("deployment \(name): \(message)", .warning)
        }
    }

    // MARK: Sleep

    /// Puts those to sleep that nobody has asked for as long as their files say.
    func noteSleep() async {
        let now = ContinuousClock.now
        for (name, deployment) in served {
            guard let seconds = deployment.settings["unload_after"]?.integer, deployment.state == "ready", let host = deployment.host else {
                if deployment.settings["unload_after"] == nil { sleeping.remove(name) }
                continue
            }
            guard let last = lastUse[name] else {
                lastUse[name] = now
                continue
            }
            guard now - last > .seconds(seconds), await (host.link?.openCount ?? 0) == 0 else { continue }
            sleeping.insert(name)
            ServerLog.note("deployment \(name): nobody has asked for \(seconds) s: it is unloaded until somebody does")
        }
    }

    /// A deployment that is about to be asked. One that sleeps is woken, and waited for a while.
    func awake(_ name: String) async -> Served? {
        lastUse[name] = ContinuousClock.now
        if sleeping.remove(name) != nil { waking.insert(name) }
        guard waking.contains(name) else { return served[name] }
        ring()
        let end = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(10))
            lastUse[name] = ContinuousClock.now
            guard let deployment = served[name] else { return nil }
            if ["ready", "failed", "paused"].contains(deployment.state) {
                waking.remove(name)
                return deployment
            }
            if Task.isCancelled { return deployment }
        }
        return served[name]
    }

    // MARK: Load

    /// Asks every engine what it has in hand. The answers come in their own time.
    func askLoads() {
        for (name, deployment) in served {
            guard let host = deployment.host, deployment.state == "ready" else {
                served[name]?.load = nil
                continue
            }
            Task {
                let answer = await host.link?.result { ["type": "status", "id": JSONNode($0)] }
                guard let members = answer?.object, answer?["type"]?.string == "result" else { return }
                setLoad(JSONNode(members.filter { ["waiting", "running", "pages_used", "pages", "yielded"].contains($0.key) }), of: name)
            }
        }
    }

    private func setLoad(_ load: JSONNode, of name: String) { served[name]?.load = load }
}
