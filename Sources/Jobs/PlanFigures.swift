package import JSON

/// What a job's plan holds and costs, as `tala.plan` of `status.json` and `validation.json` say it.
/// Sizes are in bytes.
package struct PlanFigures: Sendable, Hashable {
    /// Tokens of a micro-batch.
    package var microBatchTokens: Int
    /// Layers, from the last one on, that are computed a second time in the backward pass.
    package var recomputedLayers: Int
    /// Logits that exist at one time.
    package var logitsBytes: Int
    /// The format of frozen weights, a word of the manifest.
    package var baseWeights: String
    package var arenaBytes: Int
    package var persistentBytes: Int
    /// Weights that lie in mapped files.
    package var mappedWeightBytes: Int
    package var exchangeBytes: Int
    /// The plan's own memory on the device.
    package var deviceBytes: Int
    package var workspaceBytes: Int
    /// The program itself, where it shares memory with the plan.
    package var programBytes: Int
    /// All that is held at the peak.
    package var peakBytes: Int
    /// Of one full micro-batch, forward and backward.
    package var floatingPointOperations: Double
    package var kernelCalls: Int
    /// Sums of lanes on the host; 0 where there is one lane.
    package var laneBytes = 0
    /// A teacher's own memory on the device; 0 where there is none.
    package var teacherBytes = 0
    /// What each process needs, by how many there are, the most first; empty where there is one
    /// lane.
    package var divisions: [Division] = []
    /// The fewest processes with which the job fits its memory.
    package var leastProcesses = 1

    /// What each of some processes that carry the job needs: the one that needs the most.
    package struct Division: Sendable, Hashable {
        package var processes: Int
        package var persistentBytes: Int
        package var laneBytes: Int
        package var peakBytes: Int

        package init(processes: Int, persistentBytes: Int, laneBytes: Int, peakBytes: Int) {
            self.processes = processes
            self.persistentBytes = persistentBytes
            self.laneBytes = laneBytes
            self.peakBytes = peakBytes
        }

        fileprivate var json: JSONNode {
            [
                "processes": JSONNode(processes), "persistent_bytes": JSONNode(persistentBytes), "lane_bytes": JSONNode(laneBytes),
                "peak_bytes": JSONNode(peakBytes),
            ]
        }

        fileprivate init?(json node: JSONNode) {
            guard let processes = node["processes"]?.integer, processes > 0, let persistent = node["persistent_bytes"]?.integer,
                let lanes = node["lane_bytes"]?.integer, let peak = node["peak_bytes"]?.integer
            else { return nil }
            self.init(processes: processes, persistentBytes: persistent, laneBytes: lanes, peakBytes: peak)
        }
    }

    package init(
        microBatchTokens: Int, recomputedLayers: Int, logitsBytes: Int, baseWeights: String, arenaBytes: Int, persistentBytes: Int,
        mappedWeightBytes: Int, exchangeBytes: Int, deviceBytes: Int, workspaceBytes: Int, programBytes: Int, peakBytes: Int,
        floatingPointOperations: Double, kernelCalls: Int
    ) {
        self.microBatchTokens = microBatchTokens
        self.recomputedLayers = recomputedLayers
        self.logitsBytes = logitsBytes
        self.baseWeights = baseWeights
        self.arenaBytes = arenaBytes
        self.persistentBytes = persistentBytes
        self.mappedWeightBytes = mappedWeightBytes
        self.exchangeBytes = exchangeBytes
        self.deviceBytes = deviceBytes
        self.workspaceBytes = workspaceBytes
        self.programBytes = programBytes
        self.peakBytes = peakBytes
        self.floatingPointOperations = floatingPointOperations
        self.kernelCalls = kernelCalls
    }

    package var json: JSONNode {
        let node: JSONNode = [
            "micro_batch_tokens": JSONNode(microBatchTokens), "recomputed_layers": JSONNode(recomputedLayers),
            "logits_bytes": JSONNode(logitsBytes), "base_weights": JSONNode(baseWeights), "arena_bytes": JSONNode(arenaBytes),
            "persistent_bytes": JSONNode(persistentBytes), "mapped_weight_bytes": JSONNode(mappedWeightBytes),
            "exchange_bytes": JSONNode(exchangeBytes), "device_bytes": JSONNode(deviceBytes), "workspace_bytes": JSONNode(workspaceBytes),
            "program_bytes": JSONNode(programBytes), "peak_bytes": JSONNode(peakBytes),
            "floating_point_operations": JSONNode(floatingPointOperations), "kernel_calls": JSONNode(kernelCalls),
        ]
        let further = [("lane_bytes", laneBytes), ("teacher_bytes", teacherBytes)].filter { $0.1 > 0 }
        var more = further.map { JSONMember($0.0, JSONNode($0.1)) }
        if !divisions.isEmpty { more.append(JSONMember("divisions", JSONNode(divisions.map(\.json)))) }
        if leastProcesses > 1 { more.append(JSONMember("least_processes", JSONNode(leastProcesses))) }
        guard !more.isEmpty, let members = node.object else { return node }
        return JSONNode(members + more)
    }

    /// Reads figures that ``json`` wrote. What an earlier program did not write is 0.
    /// - Returns: nil if the choice that a job keeps for life is not among them.
    package init?(json node: JSONNode?) {
        guard let node, let tokens = node["micro_batch_tokens"]?.integer, let layers = node["recomputed_layers"]?.integer,
            let logits = node["logits_bytes"]?.integer, let format = node["base_weights"]?.string, tokens > 0, tokens <= 1 << 28,
            layers >= 0,
            logits > 0
        else { return nil }
        func bytes(_ key: String) -> Int { node[key]?.integer ?? 0 }
        self.init(
            microBatchTokens: tokens, recomputedLayers: layers, logitsBytes: logits, baseWeights: format, arenaBytes: bytes("arena_bytes"),
            persistentBytes: bytes("persistent_bytes"), mappedWeightBytes: bytes("mapped_weight_bytes"),
            exchangeBytes: bytes("exchange_bytes"), deviceBytes: bytes("device_bytes"), workspaceBytes: bytes("workspace_bytes"),
            programBytes: bytes("program_bytes"), peakBytes: bytes("peak_bytes"),
            floatingPointOperations: node["floating_point_operations"]?.double ?? 0, kernelCalls: bytes("kernel_calls"))
        laneBytes = bytes("lane_bytes")
        teacherBytes = bytes("teacher_bytes")
        divisions = (node["divisions"]?.array ?? []).compactMap { Division(json: $0) }
        leastProcesses = max(1, bytes("least_processes"))
    }
}
