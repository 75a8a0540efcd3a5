import Foundation
import JSON

/// Which engines there are: one for all deployments of a base model on a device.
extension Deployments {
    /// A deployment that no engine could be started for.
    struct TurnedAway: Sendable {
        /// What everybody wanted of the engine then; when that changes it is tried again.
        var needs: [String: EngineHost.Arguments]
        var message: String
    }

    /// Deployments that are to answer, with what they need of an engine.
    private var asking: [(deployment: Served, needs: EngineHost.Arguments)] {
        all.compactMap { deployment in
            guard deployment.document["state"]?.string == "accepted", !isPaused(deployment.name), !sleeping.contains(deployment.name) else {
                return nil
            }
            return deployment.needs.map { (deployment, $0) }
        }
    }

    private func needs(inGroup key: String) -> [String: EngineHost.Arguments] {
        Dictionary(asking.filter { $0.needs.group == key }.map { ($0.deployment.name, $0.needs) }) { first, _ in first }
    }

    /// What the engines must have so that all can be served who are not turned away.
    /// - Returns: by group what an engine is started with, and the adapters that it is to hold.
    private func wanted() -> (engines: [String: EngineHost.Arguments], adapters: [String: Set<String>]) {
        var groups: [String: EngineHost.Arguments] = [:]
        var adapters: [String: Set<String>] = [:]
        for (deployment, needs) in asking where turnedAway[deployment.name] == nil {
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

    /// Takes those out of a group who want most of an engine that could not be started: what does
    /// not fit takes nobody else along.
    /// - Returns: whether others are left, for whom a smaller engine may do.
    private func turnAway(from key: String, _ message: String) -> Bool {
        let needs = needs(inGroup: key)
        let left = needs.filter { turnedAway[$0.key] == nil }
        func size(_ needs: EngineHost.Arguments) -> [Int] {
            [needs.cacheTokens, needs.cacheMemory, needs.contextLength, needs.slots, needs.adapterRank]
        }
        guard let most = left.values.max(by: { size($0).lexicographicallyPrecedes(size($1)) }), left.contains(where: { $0.value != most })
        else { return false }
        for name in left.keys where left[name] == most { turnedAway[name] = TurnedAway(needs: needs, message: message) }
        return true
    }

    /// Tries those again who were turned away, where something has changed.
    private func forgetRefusals() {
        for (name, refusal) in turnedAway {
            guard let key = refusal.needs[name]?.group, needs(inGroup: key) != refusal.needs else { continue }
            turnedAway[name] = nil
        }
    }

    /// Starts, replaces and ends engines. One that is replaced answers until the new one is ready,
    /// and ends what it has begun.
    func arrangeEngines() async {
        forgetRefusals()
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
        for (key, arguments) in wanted { await arrangeEngine(key, arguments) }
    }

    private func arrangeEngine(_ key: String, _ arguments: EngineHost.Arguments) async {
        // An engine that could not be started says nothing of what is wanted now, if that is not
        // what it was started with.
        if let host = hosts[key] {
            await host.notice()
            if let message = await host.refusal {
                let isForThese = host.arguments == arguments
                if !isForThese || turnAway(from: key, message) {
                    hosts[key] = nil
                    Task { await host.retire() }
                    if isForThese { return ring() }
                }
            }
        }
        if let next = coming[key], let message = await next.refusal {
            let isForThese = next.arguments == arguments
            if !isForThese || turnAway(from: key, message) {
                coming[key] = nil
                Task { await next.retire() }
                if isForThese { return ring() }
            }
        }
        if let host = hosts[key], host.arguments.suffices(for: arguments) {
            // Whoever wanted more has left.
            if let next = coming.removeValue(forKey: key) { Task { await next.retire() } }
            return
        }
        if let next = coming[key], next.arguments.suffices(for: arguments) {
            // What fails takes the old one's place too: its error is to be seen.
            if await next.state == .loading { return }
            let former = hosts[key]
            (hosts[key], coming[key]) = (next, nil)
            if let former { leaving.append(former) }
            return
        }
        nextSocket += 1
        let host = EngineHost(
            arguments, program: program, name: "engine-\(nextSocket)", sockets: sockets, units: units, onChange: { [bell] in bell.yield() })
        if let former = coming[key] { Task { await former.retire() } }
        if hosts[key] == nil { hosts[key] = host } else { coming[key] = host }
        Task { await host.start() }
    }
}
